"""Which houses base data and feedback have in common.

A price level compares feedback with what the base data would expect. Where the base data has no
such houses (a new district) it expects nothing, and the difference is the model's error and not a
market that moved. So a classifier tells base rows from feedback: where it cannot, the two overlap
(a propensity score, Rosenbaum & Rubin 1983, asked out of bag; overlap as Crump et al. 2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from housing_cli.data.copies import houses_of

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TREES = 100
MIN_LEAF = 5
IN_A_LEAF = 2
"""Houses of the smaller side that a leaf holds where the two are mixed, at least."""
MOST_ROWS = 5_000
"""Houses of each side that the classifier learns from, at most."""
ALIKE = 0.65
"""Up to this AUC all base rows are taken to have their like among the feedback."""
LEAST = 0.1
"""Crump et al.: rows whose propensity lies beyond 0.1 to 0.9 have no like on the other side."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What base data (m rows) and feedback (n rows) have in common.

    auc: how well the two can be told apart, 0.5: not at all, 1: always. base: (m,), rows with
    houses like them in the feedback. feedback: (n,), rows with houses like them in the base data.
    """

    auc: float
    base: Mask
    feedback: Mask

    @property
    def share(self) -> float:
        """Return the share of the feedback that has houses like it in the base data."""
        return float(self.feedback.mean()) if len(self.feedback) else 1.0

    def described(self) -> dict[str, float]:
        """Return what the evidence says of it."""
        return {"auc": self.auc, "share": self.share}


def overlap_of(base: Floats, feedback: Floats, seed: int) -> Overlap:
    """Return which rows of base (m, k) and of feedback (n, k) are alike; NaN is a value too.

    A house that a side has several times counts once there: its copies would tell of each other.
    Rows beyond `MOST_ROWS` of a side are asked of the forest that has not seen them.
    """
    rng = np.random.default_rng(seed)
    sides = [_Side.of(base, rng), _Side.of(feedback, rng)]
    learned = np.vstack([side.features[side.learned] for side in sides])
    label = np.repeat([0, 1], [len(side.learned) for side in sides])
    counts = np.bincount(label)
    # All features at each split: one alone may be what a district differs by.
    forest = RandomForestClassifier(
        TREES, max_features=None, oob_score=True, random_state=seed, n_jobs=1,
        min_samples_leaf=max(MIN_LEAF, math.ceil(IN_A_LEAF * len(label) / counts.min())),
    ).fit(learned, label)  # fmt: skip
    chances = forest.oob_decision_function_[:, 1]
    parts = np.split(chances, [counts[0]])
    found = [
        _balanced(side.spread_out(forest, part), counts)
        for side, part in zip(sides, parts, strict=True)
    ]
    auc = float(roc_auc_score(label, chances))
    # Few base rows that seem apart where nothing else tells the two sides apart are chance.
    base_alike = (found[0] > LEAST) | (auc <= ALIKE)
    return Overlap(auc, base_alike, found[1] < 1 - LEAST)


def _balanced(chances: Floats, counts: NDArray[np.intp]) -> Floats:
    """Return the chances to be of the feedback if it had as many houses as the base data.

    By the odds; weights in the forest would draw the rarer side's rows into nearly every tree.
    """
    feedback, base = chances / counts[1], (1 - chances) / counts[0]
    balanced: Floats = feedback / (feedback + base)
    return balanced


@dataclass(frozen=True, slots=True)
class _Side:
    """features: (u, k), each house once. house: (n,), the house of each row. learned: (at most
    `MOST_ROWS`,), which of the u the forest learns.
    """

    features: Floats
    house: NDArray[np.intp]
    learned: NDArray[np.intp]

    @classmethod
    def of(cls, features: Floats, rng: np.random.Generator) -> _Side:
        house = houses_of(features)
        first = np.unique(house, return_index=True)[1]
        learned = np.sort(rng.permutation(len(first))[:MOST_ROWS])
        return cls(features[first], house, learned)

    def spread_out(self, forest: RandomForestClassifier, chances: Floats) -> Floats:
        """Return each row's chance (n,) to be of the feedback, never by trees that learned it."""
        all_chances = np.empty(len(self.features))
        rest = np.ones(len(self.features), dtype=bool)
        rest[self.learned] = False
        if rest.any():
            all_chances[rest] = forest.predict_proba(self.features[rest])[:, 1]
        all_chances[self.learned] = chances
        return all_chances[self.house]
