"""The HTML page of one judgment: the verdict in words, and the figures behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ReportError
from housing_cli.judging.drift import LARGE_PSI
from housing_cli.pages import charts, page
from housing_cli.show import figures
from housing_cli.show.advice import (
    next_sentence,
    rival_columns,
    rival_rows,
    since_line,
    worst_rows,
)
from housing_cli.show.drift import drift_rows
from housing_cli.show.evaluate import MOST_PARTS, explains, version_rows
from housing_cli.show.labels import warnings as label_warnings
from housing_cli.show.late import late_line
from housing_cli.show.result import Result, warned
from housing_cli.show.segments import segment_rows, worst_line
from housing_cli.show.whom import corrected_words, expected_line, unlabeled_line
from housing_cli.words import chance, counted, in_one_line, span

if TYPE_CHECKING:
    from housing_cli.judging.drift import Drift
    from housing_cli.loop.evaluation import Evaluation

_WORDS = {"healthy": "Healthy", "degraded": "Degraded", "insufficient": "Not judged"}


def leaving_the_report(result: Result, judged: Evaluation, path: Path, carried: str = "") -> Result:
    """Write the page beside the result; return it with where the page is, or why there is none.

    A disk that is full must not turn a verdict into an error. carried: options that the next
    command needs as well.
    """
    try:
        write_report(path, judged, carried)
    except ReportError as error:
        return warned(result, f"{error.message}\n  {error.hint}")
    return msgspec.structs.replace(result, show=[*result.show, f"report: {path}"])


def write_report(path: Path, judged: Evaluation, carried: str = "") -> None:
    """Write the page of `judged` to `path`. Raises `ReportError`."""
    page.write_page(path, render(judged, carried))


def render(judged: Evaluation, carried: str = "") -> str:
    """Return the page of `judged`; carried: as in `leaving_the_report`."""
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return page.render(
        "report.html",
        title=f"Evaluation of {judged.version.name}",
        subtitle=f"{at}, window {judged.window.text}",
        verdict=judged.verdict.verdict,
        word=_WORDS[judged.verdict.verdict],
        sentence=_sentence(judged),
        next=next_sentence(judged.advice, carried),
        since=_since(judged),
        gauge=_gauge(judged),
        warnings=_warnings(judged),
        figures=_figures(judged) if len(judged.rows) else None,
        segments=segment_rows(judged.segment_errors),
        segments_said=(
            in_one_line(worst_line(judged.segment_errors, judged.worst_segment))
            if judged.worst_segment
            else ""
        ),
        worst=worst_rows(judged.advice.worst_rows) if judged.advice else [],
        rivals=rival_rows(judged.advice.rivals) if judged.advice else [],
        rival_columns=rival_columns(judged),
        drift=_drift(judged.drift) if judged.drift else None,
        versions=version_rows(judged),
        labels=_labels(judged),
    )


def _since(judged: Evaluation) -> str:
    if judged.advice is None or judged.advice.since is None:
        return ""
    said = since_line(judged.advice.since, judged.verdict.metric)
    return f"{said[:1].upper()}{said[1:]}."


def _gauge(judged: Evaluation) -> str:
    verdict = judged.verdict
    if verdict.ratio is None or verdict.interval is None or not np.isfinite(verdict.ratio):
        return ""
    return charts.gauge(verdict.ratio, verdict.interval, 1 + verdict.threshold)


def _sentence(judged: Evaluation) -> str:
    verdict, name = judged.verdict, judged.version.name
    metric = METRICS[verdict.metric].label
    if verdict.current is None or verdict.ratio is None:
        said = f"No real prices came in yet for predictions of {name}."
    else:
        said = (
            f"On {counted(verdict.n, 'labeled prediction')} the {metric} of {name} is "
            f"{verdict.current:.3f}; at training time it was {verdict.baseline:.3f}. "
            f"That is {verdict.ratio:.2f} times as much, "
            f"and up to {1 + verdict.threshold:g} times is allowed."
        )
        if verdict.p_value is not None:
            # It must not break in a narrow column.
            p = chance(verdict.p_value).replace("<", "<\N{NO-BREAK SPACE}")
            said += f" Probability that errors grow this much by chance alone: {p}."
    if "unlabeled" in judged.reasons and judged.whom and judged.whom.unlabeled:
        said += f" But the evidence is {in_one_line(unlabeled_line(judged.whom.unlabeled))}."
    elif verdict.verdict == "insufficient":
        said += f" At least {verdict.min_samples} are needed for a verdict."
    if "drift" in judged.reasons:
        said += " The inputs or predictions drifted away from the training data."
    return said


def _warnings(judged: Evaluation) -> list[str]:
    said = (*late_line(judged.labels.late), *expected_line(judged), *label_warnings(judged.labels))
    found = [f"{in_one_line(text)}." for text in said]
    if judged.drifted:
        found.append("Drift: " + "; ".join(d.reading for d in judged.drifted) + ".")
    if judged.biased:
        names = ", ".join(column.name for column in judged.biased)
        corrected = corrected_words(judged)
        found.append(
            "Labeled rows do not look like the unlabeled ones: the error of all predictions may be "
            f"another ({names}){corrected and '; '}{in_one_line(corrected)}."
        )
    return found


def _figures(judged: Evaluation) -> dict[str, Any]:
    rows, reference = judged.rows, judged.reference
    recent, before = judged.recent, judged.version.metadata.metrics
    scores: list[list[object]] = [
        [metric.label, recent.get(name), before.get(name)] for name, metric in METRICS.items()
    ]
    scores.append(["R²", recent["r2"] if explains(judged) else None, before["r2"]])
    scores.append(["mean error", recent["bias"], before.get("bias")])
    if "interval_coverage" in recent:
        target = recent["interval_target"]
        scores.append([f"{100 * target:g}% intervals hold", recent["interval_coverage"], target])
    at_training = (reference.out_of_fold - reference.target).ravel()
    return {
        "metric": METRICS[judged.verdict.metric].label,
        **_over_time(judged),
        "scores": scores,
        "scatter": figures.prices(rows.predicted, rows.real, judged.version.metadata.schema.target),
        "errors": figures.errors(rows.predicted - rows.real, at_training),
    }


def _over_time(judged: Evaluation) -> dict[str, str]:
    """Return error and bias over time, on one time axis, with promotions as marks."""
    verdict, course = judged.verdict, judged.over_time(MOST_PARTS)
    start = charts.reach(judged.moves, course.start, course.end)
    span, n = (start, course.end), counted(len(course.parts), "point")
    marks = [
        charts.Line(verdict.baseline, "baseline", "base"),
        charts.Line(verdict.baseline * (1 + verdict.threshold), "limit", "limit"),
    ]
    errors = [(part.at, part.value) for part in course.parts]
    biases = [(part.at, part.bias) for part in course.parts]
    said = f"bias over time, {n}"
    return {
        "over_time": charts.over_time(errors, marks, *span, moves=judged.moves),
        "bias": charts.over_time(
            biases, [], *span, moves=judged.moves, signed=True, description=said
        ),
        "promoted": _promoted(judged, *span),
    }


def _promoted(judged: Evaluation, start: float, end: float) -> str:
    """Return what the vertical marks of a chart over time are, nothing where there are none."""
    marked = any(start <= at <= end for at, _ in judged.moves)
    return "Vertical: a version became production." if marked else ""


def _drift(columns: Sequence[Drift]) -> dict[str, Any]:
    ordered = sorted(columns, key=lambda column: -column.psi)
    limit = charts.Line(LARGE_PSI, "large", "limit")
    return {
        "chart": charts.bars([(d.name, d.psi, f"{d.psi:.2f}", d.drifted) for d in ordered], limit),
        "rows": drift_rows(ordered),
    }


def _labels(judged: Evaluation) -> list[list[object]]:
    labels, power = judged.labels, judged.power
    rows: list[list[object]] = [
        ["newest predictions looked at", labels.predictions],
        ["of these with a real price", labels.labeled],
        ["time to a real price, half of them", _span(labels.delay_p50)],
        ["time to a real price, 95 % of them", _span(labels.delay_p95)],
    ]
    for size, needed in power.needed.items():
        text = "no number is enough" if needed is None else str(needed)
        rows.append([f"labels that show +{float(size):.0%} ({power.confidence:.0%} sure)", text])
    return rows


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else span(seconds)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
