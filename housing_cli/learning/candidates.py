"""What a search has tried, and the best of it: one regressor, or the vote of two.

The vote of two is the mean of their prices. Their out-of-fold prices are there already, so that
every vote of what was tried is measured without a fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Model
from housing_cli.learning.pipeline import BLENDS
from housing_cli.learning.spaces import VOTE

Floats = NDArray[np.float64]

VOTE_GAIN: Final = 0.0025
"""A vote takes two models' time and room: it must lower the RMSE by this share."""
KEPT: Final = 3
"""Candidates of each regressor whose prices are kept for votes."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was tried.

    model: what the settings would say of it. params: what it changes of what was tried it from.
    score: RMSE in the target's unit. prices: (m,), out of fold; `None` where it was given up.
    """

    model: Model
    params: dict[str, Any]
    score: float
    prices: Floats | None

    @property
    def regressor(self) -> str:
        """Return the name of its regressor."""
        return self.model.regressor


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that a search would take now, and the candidates in it: one, or two that vote."""

    model: Model
    members: tuple[Candidate, ...]
    score: float


def single(tried: Sequence[Candidate]) -> Choice:
    """Return the candidate of the lowest score, the first of equals."""
    best = min(tried, key=lambda candidate: candidate.score)
    return Choice(best.model, (best,), best.score)


def vote(tried: Sequence[Candidate], target: Floats) -> Choice | None:
    """Return the best vote of two different regressors; target: (m,), of the search's rows.

    `None` where fewer than two have prices for all rows.
    """
    best: Choice | None = None
    members = [one for one in _finalists(tried) if one.regressor not in BLENDS]
    for one, other in combinations(members, 2):
        if one.regressor != other.regressor:
            assert one.prices is not None and other.prices is not None
            score = rmse((one.prices + other.prices) / 2, target)
            if best is None or score < best.score:
                best = Choice(voting(one.model, other.model), (one, other), score)
    return best


def chosen(tried: Sequence[Candidate], target: Floats, *, votes: bool) -> Choice:
    """Return what a search takes: the best candidate, or a vote that is better by `VOTE_GAIN`."""
    best = single(tried)
    pair = vote(tried, target) if votes else None
    return pair if pair and pair.score <= (1 - VOTE_GAIN) * best.score else best


def best_scores(tried: Sequence[Candidate]) -> dict[str, float]:
    """Return the lowest score of each regressor that was tried."""
    scores: dict[str, float] = {}
    for candidate in tried:
        scores[candidate.regressor] = min(
            candidate.score, scores.get(candidate.regressor, candidate.score)
        )
    return scores


def pruned(tried: Sequence[Candidate]) -> list[Candidate]:
    """Return `tried` without the prices that no vote will use any more."""
    kept = set(map(id, _finalists(tried)))
    return [
        one if id(one) in kept else Candidate(one.model, one.params, one.score, None)
        for one in tried
    ]


def voting(one: Model, other: Model) -> Model:
    """Return the model that averages two models of different regressors."""
    params: dict[str, Any] = {"estimators": [one.regressor, other.regressor]}
    for member in (one, other):
        params |= {f"{member.regressor}__{key}": value for key, value in member.params.items()}
    return Model(VOTE, params, one.imputer)


def rmse(prices: Floats, target: Floats) -> float:
    """Return the root mean squared error of prices (m,)."""
    return float(np.sqrt(((prices - target) ** 2).mean()))


def _finalists(tried: Sequence[Candidate]) -> list[Candidate]:
    return [one for name in best_scores(tried) for one in _best_of(name, tried)]


def _best_of(regressor: str, tried: Sequence[Candidate]) -> list[Candidate]:
    whole = [c for c in tried if c.regressor == regressor and c.prices is not None]
    return sorted(whole, key=lambda candidate: candidate.score)[:KEPT]
