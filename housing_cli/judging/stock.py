"""Whether a challenger ruins a part of the stock, and which: by segment, on old prices and on new.

What recent real prices say of a house outranks its old price, where they are of houses like it. Of
houses whose like nobody has sold since, the old price is all that is known: a challenger that
learned of other houses must not be worse there than the champion. Both are asked out of fold.

A segment of recent rows that got worse is named and refuses nothing: where large houses rose by
40 %, those that are nearly large are priced worse by whatever learns it from a few hundred rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.segments import SegmentContest, contest_segments
from housing_cli.prediction_log.records import Axis

Floats = NDArray[np.float64]

MOST_BANDS = 5
ROWS_A_BAND = 25
"""Bands are so wide that they hold as many rows on the average; `segments.MIN_ROWS` are needed."""


@dataclass(frozen=True, slots=True)
class Priced:
    """n houses that two models price without having seen them.

    features: (n, k). real, champion, challenger: (n,), prices at one level for each house.
    """

    features: Floats
    real: Floats
    champion: Floats
    challenger: Floats

    def __len__(self) -> int:
        """Return how many houses there are."""
        return len(self.real)


@dataclass(frozen=True, slots=True)
class Stock:
    """The segment in which the challenger is most evidently worse, of two kinds of houses.

    old: of `old_rows` houses whose like nobody has sold since, at their old prices; recent: of the
    real prices that came in; `None` where none was tested. ruined, worse: whether it is worse there
    beyond chance, and by more than the threshold.
    """

    old_rows: int
    old: SegmentContest | None
    ruined: bool
    recent: SegmentContest | None
    worse: bool


def stock_of(
    old: Priced, recent: Priced, axes: Sequence[Axis], *, metric: str, threshold: float
) -> Stock:
    """Return where the challenger is worse. axes: k features and the predicted price."""
    (on_old, ruined), (on_recent, worse) = (
        _worst(rows, axes, metric, threshold) for rows in (old, recent)
    )
    return Stock(len(old), on_old, ruined, on_recent, worse)


def _worst(
    rows: Priced, axes: Sequence[Axis], metric: str, threshold: float
) -> tuple[SegmentContest | None, bool]:
    """Return the segment that is most evidently worse, and whether it is by so much."""
    bands = min(MOST_BANDS, len(rows) // ROWS_A_BAND)
    if bands < 2:  # noqa: PLR2004 - one band is no segment
        return None, False
    values = [*rows.features.T, rows.champion]
    columns = [(coarser(axis, bands), column) for axis, column in zip(axes, values, strict=True)]
    found = contest_segments(rows.real, rows.champion, rows.challenger, columns, metric=metric)
    tested = [segment for segment in found if segment.p_value is not None]
    bad = [
        segment
        for segment in tested
        if segment.worse and segment.challenger > segment.champion * (1 + threshold)
    ]
    worst = min(bad or tested, key=_evidence, default=None)
    return worst, bool(bad)


def coarser(axis: Axis, bands: int) -> Axis:
    """Return the axis with at most so many bands, of about as many of its own each.

    Bands that are words stay.
    """
    own = len(axis.edges) + 1
    if own <= bands or axis.words:
        return axis
    picked = np.unique(np.round(np.arange(1, bands) * own / bands).astype(int)) - 1
    return Axis(axis.name, tuple(axis.edges[place] for place in picked))


def _evidence(segment: SegmentContest) -> tuple[float, float]:
    # Adjusted p-values have a floor: below it the growth decides.
    growth = segment.challenger / segment.champion if segment.champion else np.inf
    return segment.p_value or 0.0, -growth
