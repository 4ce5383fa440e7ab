"""What a challenger learns from, and how it is compared with the champion.

The comparison rows are always newer than anything that the challenger which prices them has seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Settings
from housing_cli.data.copies import keys_of, look_alike, without_values
from housing_cli.data.table import Table
from housing_cli.judging.acceptance import Limits
from housing_cli.judging.comparison import Comparison, compare, repeated
from housing_cli.judging.label_rule import far_factor
from housing_cli.judging.labels import misses, worst
from housing_cli.judging.price_level import price_levels
from housing_cli.judging.reference import Reference
from housing_cli.judging.scatter import Scatter
from housing_cli.judging.stock import Stock
from housing_cli.learning.fitting import Progress, fit, predict, silent
from housing_cli.learning.overlap import Overlap, overlap_of
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import Labeled

Floats = NDArray[np.float64]

BLOCKS = 5
MIN_COMPARED = 20
BASE_FOLD = 5
"""One base row in so many is held out of the comparison on base data."""
MIN_BASE = 20
MOST_REPEATED = 0.5


@dataclass(frozen=True, slots=True)
class Material:
    """Base data and feedback, oldest first, in one order of rows.

    expected: (n feedback), what the base data alone would give for each row of feedback. overlap:
    which of the houses both have; where it is not known, all. look_alike: different houses have
    the same features (`data.copies`).
    """

    base: Table
    feedback: Labeled
    expected: Floats
    overlap: Overlap | None = None
    look_alike: bool = False

    def keys(self, features: Floats, target: Floats) -> list[bytes]:
        """Return what tells the houses of m rows apart."""
        return keys_of(np.column_stack([features, target]) if self.look_alike else features)

    def alike(self, n: int | None = None) -> NDArray[np.bool_]:
        """Return which of the oldest n rows of feedback have houses like them in the base data."""
        if self.overlap is None:
            return np.ones(len(self.expected[:n]), dtype=bool)
        return self.overlap.feedback[:n]

    def levels_of_base(self, level: float) -> Floats:
        """Return the level of each base row where that of the feedback is `level`.

        Of houses whose like nobody has sold since, it is not known that they moved: 1.
        """
        alike = True if self.overlap is None else self.overlap.base
        return np.where(alike, level, np.ones(len(self.base)))


def gather(settings: Settings, base: Table, feedback: Labeled) -> Material:
    """Return base data and feedback with what the base data expects of the feedback."""
    if not len(feedback):
        return Material(base, feedback, np.empty(0))
    yardstick = fit(settings, base.features, base.target)
    return Material(
        base,
        feedback,
        predict(yardstick, feedback.features),
        overlap_of(base.features, feedback.features, settings.train.seed),
        look_alike(base.features, base.target),
    )


def levels_of(material: Material, n: int | None = None) -> Floats:
    """Return the price level of the oldest n rows of feedback (None: all).

    It is 1 for houses whose like the base data does not have: a difference to what it expects is
    no level there.
    """
    real, expected = material.feedback.real[:n], material.expected[:n]
    alike, levels = material.alike(n), np.ones(len(real))
    levels[alike] = price_levels(np.log(real / np.maximum(expected, 1e-9))[alike])
    return levels


def assemble(
    material: Material, n: int | None = None, without: Iterable[bytes] = ()
) -> tuple[Floats, Floats, float]:
    """Return features, target and price level of base data and the oldest n rows of feedback.

    The target stands at the newest price level, where base data and feedback have houses alike. A
    row of feedback whose inputs repeat an older row replaces it: the same house, sold later; unless
    different houses look alike. without: `Material.keys` of houses to leave out.
    """
    features = np.vstack([material.base.features, material.feedback.features[:n]])
    kept = learned_rows(material, n, without)
    found, alike = levels_of(material, n), material.alike(n)
    level = float(found[alike][-1]) if alike.any() else 1.0
    moved = np.concatenate([material.levels_of_base(level), np.where(alike, level / found, 1.0)])
    target = np.concatenate([material.base.target, material.feedback.real[:n]])
    return features[kept], (target * moved)[kept], level


def learned_rows(
    material: Material, n: int | None = None, without: Iterable[bytes] = ()
) -> NDArray[np.bool_]:
    """Return which base rows and then oldest n rows of feedback `assemble` returns, (m + n,)."""
    features = np.vstack([material.base.features, material.feedback.features[:n]])
    target = np.concatenate([material.base.target, material.feedback.real[:n]])
    keys, left_out = material.keys(features, target), set(without)
    last = {key: place for place, key in enumerate(keys)}
    # Rows without any value are no house that was sold again.
    every = without_values(features) | material.look_alike
    return np.array([
        key not in left_out and (every[place] or last[key] == place)
        for place, key in enumerate(keys)
    ])  # fmt: skip


def contest(
    settings: Settings,
    material: Material,
    champion: CompiledModel,
    reference: Reference,
    progress: Progress = silent,
    *,
    scatter: Scatter | None = None,
    stock: Stock | None = None,
) -> Comparison:
    """Compare a challenger with the champion.

    scatter, stock: what its cross-validated prices of all rows say (`loop.all_rows`).

    On the newest `retrain.holdout` of the feedback, block by block: each block is priced by a
    challenger that has seen only what is older than it (prequential evaluation, Dawid 1984), so it
    may learn from the first rows of a new world before it is asked for the next. And on a fixed
    part of the base data, each model by the price that it gives without having seen the row. So
    does a champion that learned some of the newest rows already: it is no better than its
    out-of-fold prices.
    """
    feedback = material.feedback
    n = len(feedback)
    held = min(n - 1, max(int(n * settings.retrain.holdout), min(MIN_COMPARED, n // 2), 1))
    bounds = np.unique(np.linspace(n - held, n, BLOCKS + 1).astype(int))
    steps = len(bounds)
    prices = np.empty(held)
    for done, (start, end) in enumerate(pairwise(bounds), start=1):
        # A house that is asked for here and was sold before would be known by heart.
        asked = material.keys(feedback.features[start:end], feedback.real[start:end])
        features, target, _ = assemble(material, start, asked)
        model = fit(settings, features, target)
        prices[start - bounds[0] : end - bounds[0]] = predict(model, feedback.features[start:end])
        progress("comparisons", done, steps)
    rows = slice(bounds[0], n)
    on_base = _on_base(settings, material, reference)
    progress("comparisons", steps, steps)
    rule = settings.retrain
    recent = feedback.features[rows]
    far, floor = far_factor(reference.target, reference.out_of_fold[0])
    off = misses(feedback.real, feedback.predicted, floor)
    return compare(
        (feedback.real[rows], unseen(champion.score(recent), recent, reference), prices),
        on_base,
        levels_of(material)[material.alike()],
        metric=settings.evaluate.metric,
        factor=far,
        limits=Limits(
            settings.evaluate.threshold,
            rule.max_level,
            rule.max_unexplained,
            max(MOST_REPEATED, 2 * repeated(material.base.target)),
        ),
        misses=off,
        named=worst(feedback, off),
        scatter=scatter,
        stock=stock,
    )


def unseen(prices: Floats, features: Floats, reference: Reference) -> Floats:
    """Return the champion's prices, out of fold for rows that its reference has.

    A row without any value gets that of the last such row: learned from others of them, too.
    """
    known = {key: place for place, key in enumerate(keys_of(reference.features))}
    places = np.array([known.get(key, -1) for key in keys_of(features)], dtype=np.intp)
    return np.where(places < 0, prices, reference.out_of_fold[0, places])


def _on_base(
    settings: Settings, material: Material, reference: Reference
) -> tuple[Floats, Floats, Floats] | None:
    """Return target, champion's and challenger's prices of held-out base rows, at their own level.

    The champion's are its out-of-fold prices; `None` where it did not learn from these rows.
    """
    base = material.base
    known = {key: position for position, key in enumerate(keys_of(reference.features))}
    held = np.zeros(len(base), dtype=bool)
    order = np.random.default_rng(settings.train.seed).permutation(len(base))
    held[order[: len(base) // BASE_FOLD]] = True
    pairs = [
        (row, known[key])
        for row, key in enumerate(keys_of(base.features))
        if held[row] and key in known
    ]
    if len(pairs) < MIN_BASE:
        return None
    rows, places = (np.array(column) for column in zip(*pairs, strict=True))
    without = material.keys(base.features[held], base.target[held])
    features, target, level = assemble(material, without=without)
    challenger = predict(fit(settings, features, target), base.features[rows])
    challenger /= material.levels_of_base(level)[rows]
    # A champion that was itself retrained learned its base rows at another level.
    moved = base.target[rows] / reference.target[places]
    return base.target[rows], reference.out_of_fold[0, places] * moved, challenger
