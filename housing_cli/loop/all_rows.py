"""Champion and challenger on all rows, each by its price out of fold.

The challenger is cross-validated for its baseline anyway, on base data and feedback together. That
is far more rows than the newest of the feedback, which it is asked for in order of time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.copies import keys_of
from housing_cli.judging.reference import Reference
from housing_cli.judging.scatter import Scatter, scatter_of
from housing_cli.judging.stock import Priced, Stock, stock_of
from housing_cli.loop.challenger import Material, assemble, learned_rows, levels_of, unseen
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log.records import Axis

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def scatter_in(
    material: Material, champion: CompiledModel, reference: Reference, out_of_fold: Floats
) -> Scatter | None:
    """Return how widely the real prices scatter, of houses whose like the base data has.

    How widely those of others should scatter nobody knows. out_of_fold: (repeats, k), the
    challenger's prices of what `assemble` gives.
    """
    base, feedback = _places(material)
    asked = material.alike()[feedback]
    rows = feedback[asked]
    features = material.feedback.features[rows]
    apart = set(keys_of(material.base.features[_unlike(material)]))
    known = np.array([key not in apart for key in keys_of(reference.features)])
    return scatter_of(
        (reference.target[known], reference.out_of_fold[:, known]),
        (material.feedback.real / levels_of(material))[rows],
        unseen(champion.score(features), features, reference),
        out_of_fold[:, len(base) :][:, asked],
    )


def stock_in(
    material: Material,
    champion: CompiledModel,
    reference: Reference,
    out_of_fold: Floats,
    axes: Sequence[Axis],
    *,
    metric: str,
    threshold: float,
) -> Stock:
    """Return in which segments the challenger is worse; axes: of the champion.

    Old rows are those of the base data whose like the feedback has not: at their own prices.
    """
    base, feedback = _places(material)
    _, _, level = assemble(material)
    prices = out_of_fold[0]
    known = {key: place for place, key in enumerate(keys_of(reference.features))}
    features = material.base.features[base]
    places = np.array([known.get(key, -1) for key in keys_of(features)], dtype=np.intp)
    held = (places >= 0) & _unlike(material)[base]
    rows, places = base[held], places[held]
    real = material.base.target[rows]
    # A champion that was itself retrained learned its base rows at another level.
    moved = real / reference.target[places]
    old = Priced(
        features[held],
        real,
        reference.out_of_fold[0, places] * moved,
        (prices[: len(base)] / material.levels_of_base(level)[base])[held],
    )
    sold = material.feedback.features[feedback]
    back = np.where(material.alike()[feedback], levels_of(material)[feedback] / level, 1.0)
    recent = Priced(
        sold,
        material.feedback.real[feedback],
        unseen(champion.score(sold), sold, reference),
        prices[len(base) :] * back,
    )
    return stock_of(old, recent, axes, metric=metric, threshold=threshold)


def _places(material: Material) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which rows of the base data and of the feedback `assemble` gives, in its order."""
    m = len(material.base)
    learned = np.flatnonzero(learned_rows(material))
    return learned[learned < m], learned[learned >= m] - m


def _unlike(material: Material) -> Mask:
    """Return which base rows (m,) have no like among the feedback."""
    if material.overlap is None:
        return np.zeros(len(material.base), dtype=bool)
    return ~material.overlap.base
