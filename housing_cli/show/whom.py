"""What is said of the houses that labels do not speak for, and of the corrected error."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.prediction_log.records import PREDICTED
from housing_cli.words import figure, share

if TYPE_CHECKING:
    from housing_cli.judging.selection import Unlabeled
    from housing_cli.loop.evaluation import Evaluation
    from housing_cli.loop.whom import Speaking


def houses(segment: Unlabeled) -> str:
    """Return a segment in words, as `houses above 35` (by price) or `houses with RM above 6.5`."""
    if segment.word is not None:
        return f"houses with {segment.axis} {segment.word}"
    ends = [None if end is None else figure(end) for end in (segment.low, segment.high)]
    if ends[0] is None and ends[1] is None:
        return "all houses"
    if ends[0] is None:
        said = f"below {ends[1]}"
    elif ends[1] is None:
        said = f"above {ends[0]}"
    else:
        said = f"from {ends[0]} to {ends[1]}"
    return f"houses {said}" if segment.axis == PREDICTED else f"houses with {segment.axis} {said}"


def unlabeled_line(segment: Unlabeled) -> str:
    """Return whom the labels do not speak for, and below it how many houses these are."""
    labels = {0: "none of them has a label", 1: "1 of them has a label"}.get(
        segment.labeled, f"{segment.labeled} of them have a label"
    )
    return (
        f"insufficient for {houses(segment)}\n"
        f"  {share(segment.share)} of the predictions, and {labels}"
    )


def corrected_words(judged: Evaluation) -> str:
    """Return the corrected error in words, a fact a line; nothing where there is none."""
    whom = judged.whom
    if whom is None or whom.corrected is None:
        return ""
    found, others, left_out = whom.corrected, "", ""
    if whom.unlabeled is not None and found.outside:
        if "unlabeled" in judged.reasons:  # the verdict names them
            others = " of the others"
        else:
            left_out = f"\nof all but {houses(whom.unlabeled)}, which have too few labels"
    low, high = found.interval
    ratio = "" if found.ratio is None else f"\nthat is {found.ratio:.2f} times the baseline"
    return (
        f"corrected for which have labels, the {METRICS[judged.verdict.metric].label}{others} "
        f"is {figure(found.current, 3)} ({figure(low, 3)} to {figure(high, 3)}){left_out}{ratio}"
    )


def expected_line(judged: Evaluation) -> list[str]:
    """Return what is expected before there are labels enough; none where there are."""
    whom, verdict = judged.whom, judged.verdict
    if whom is None or whom.expected is None or verdict.n >= verdict.min_samples:
        return []
    ratio = "" if whom.expected_ratio is None else f", {whom.expected_ratio:.2f} times the baseline"
    return [
        f"expected of these predictions: {METRICS[verdict.metric].label} "
        f"{figure(whom.expected, 3)}{ratio}\n"
        "  by the errors at training time, which is no verdict"
    ]


def whom_payload(whom: Speaking | None) -> dict[str, Any]:
    """Return the keys of `--json`."""
    if whom is None:
        return {"unlabeled": None, "corrected": None, "expected": None}
    segment, expected = whom.unlabeled, None
    if whom.expected is not None:
        expected = {"current": whom.expected, "ratio": whom.expected_ratio}
    return {
        "unlabeled": segment and {**asdict(segment), "houses": houses(segment)},
        "corrected": whom.corrected and asdict(whom.corrected),
        "expected": expected,
    }
