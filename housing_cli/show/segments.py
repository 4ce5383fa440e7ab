"""What is said of segments: a line on the worst, the rows of a table, the `--json` records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.words import chance, counted, figure, share

if TYPE_CHECKING:
    from housing_cli.judging.segments import SegmentError

MOST_ROWS = 12


def worst_line(found: Sequence[SegmentError], worst: SegmentError) -> str:
    """Return what to say of the worst of all segments: where, its error, whether it is chance."""
    ends = ", ".join(figure(end, 3) for end in worst.interval or ())
    interval = f" [{ends}]" if ends else ""
    tested = sum(segment.p_value is not None for segment in found)
    said = "worse than at training, beyond chance" if worst.significant else "may be chance"
    return (
        f"worst segment: {worst.bounds}, {counted(worst.n, 'row')}\n"
        f"  {METRICS[worst.metric].label} {figure(worst.current, 3)}{interval}, baseline there "
        f"{'-' if worst.baseline is None else figure(worst.baseline, 3)}\n"
        f"  {said} (p {_chance(worst)} over {counted(tested, 'segment')})"
    )


def segment_payload(segment: SegmentError) -> dict[str, Any]:
    """Return a segment as `--json` has it."""
    return {**asdict(segment), "significant": segment.significant}


def segment_rows(found: Sequence[SegmentError]) -> list[list[object]]:
    """Return the segments whose errors grew most evidently, and those without a test not at all.

    Columns: houses, rows, the metric now and at training, mean error, share of real prices within
    their intervals, p.
    """
    tested = sorted(
        (one for one in found if one.p_value is not None and one.baseline),
        key=lambda one: (one.p_value, -one.current / (one.baseline or 1.0)),
    )
    return [
        [
            one.bounds, one.n, one.current, one.baseline, one.bias,
            None if one.coverage is None else share(one.coverage), _chance(one),
        ]
        for one in tested[:MOST_ROWS]
    ]  # fmt: skip


def _chance(segment: SegmentError) -> str:
    return "-" if segment.p_value is None else chance(segment.p_value)
