"""What `housing evaluate` says of a judgment: the table, the `--json` payload, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.show.advice import advice_blocks, advice_notes, advice_payload, iso
from housing_cli.show.budget import alarm_lines, budget_payload
from housing_cli.show.drift import drift_table
from housing_cli.show.labels import MOST_NAMED
from housing_cli.show.labels import payload as labels_payload
from housing_cli.show.labels import warnings as label_warnings
from housing_cli.show.late import late_line
from housing_cli.show.result import Cell, Result, Table
from housing_cli.show.segments import segment_payload, worst_line
from housing_cli.show.whom import corrected_words, expected_line, unlabeled_line, whom_payload
from housing_cli.words import are, counted, figure, in_one_line, share, span

if TYPE_CHECKING:
    from housing_cli.judging.drift import Drift
    from housing_cli.judging.power import Power
    from housing_cli.loop.evaluation import Evaluation

_BLOCKS = "▁▂▃▄▅▆▇█"
_FEWEST_CHARTED = 30
MOST_PARTS = 24
"""Into how many parts, at most, the judged rows are split over time."""


def result_of(
    judged: Evaluation, *, strict: bool = False, power: bool = False, carried: str = ""
) -> Result:
    """Return the result of one judgment; carried: options that the next command needs as well."""
    verdict = judged.verdict
    code = ExitCode.OK
    if verdict.verdict == "degraded":
        code = ExitCode.DEGRADED
    elif verdict.verdict == "insufficient" and strict:
        code = ExitCode.INSUFFICIENT
    notes = _notes(judged)
    said = [note.removeprefix("warning: ") for note in notes if note.startswith("warning: ")]
    data = {**payload(judged, carried), "warnings": [in_one_line(text) for text in said]}
    late = late_line(judged.labels.late)
    show: list[str | Table] = [
        sentence(judged),
        *late,
        *expected_line(judged),
        *alarm_lines(judged),
    ]
    show.append(_verdict_table(judged))
    if len(judged.rows):
        show.append(_recent_lines(judged))
    if len(judged.rows) >= _FEWEST_CHARTED and (sys.stdout.encoding or "").lower() == "utf-8":
        show.append(_chart(judged))
    show.append(_labels_line(judged))
    if judged.worst_segment is not None:
        show.append(worst_line(judged.segment_errors, judged.worst_segment))
    show += advice_blocks(judged)
    if len(judged.versions) > 1:
        columns = ["version", "aliases", "newest rows", "baseline", "current", "ratio", "bias"]
        show.append(Table(columns, version_rows(judged), "by version"))
    if judged.drifted:
        show.append(drift_table(judged.drifted))
    if power:
        show.append(_power_table(judged.power))
    return Result(
        "evaluate",
        data,
        show=show,
        status="ok" if verdict.verdict == "healthy" else verdict.verdict,
        exit_code=code,
        notes=[*notes, *advice_notes(judged.advice, carried)],
        outputs={key: data[key] for key in ("version", "verdict", "ratio", "n")},
        tone={"healthy": "good", "degraded": "bad"}.get(verdict.verdict, ""),
    )


def payload(judged: Evaluation, carried: str = "") -> dict[str, Any]:
    """Return the `data` of `--json`; carried: as in `result_of`."""
    return {
        "version": judged.version.name,
        **asdict(judged.verdict),
        "window": judged.window.text,
        "reasons": list(judged.reasons),
        "recent": judged.recent,
        "labels": labels_payload(judged.labels),
        "skipped": judged.rows.skipped,
        "repeated_lines": judged.rows.repeated,
        "broken": [{"file": one.file, "line": one.line} for one in judged.broken],
        "versions": [asdict(row) for row in judged.versions],
        "drift": [asdict(column) for column in judged.drift],
        "drifted": [column.name for column in judged.drifted],
        "selection_bias": [column.name for column in judged.biased],
        "power": asdict(judged.power),
        "segments": [asdict(segment) for segment in judged.segments],
        "price_quantiles": judged.quantiles,
        "budget": None if judged.budget is None else budget_payload(judged.budget),
        "worst_segment": judged.worst_segment and segment_payload(judged.worst_segment),
        "feature_segments": [segment_payload(segment) for segment in judged.segment_errors],
        "over_time": _course(judged),
        **whom_payload(judged.whom),
        **advice_payload(judged.advice, carried),
    }


def _course(judged: Evaluation) -> dict[str, Any] | None:
    """Return metric and bias over time; `None` where no rows were judged."""
    if not len(judged.rows):
        return None
    course = judged.over_time(MOST_PARTS)
    return {
        "points": [{**asdict(part), "at": iso(part.at)} for part in course.parts],
        "start": iso(course.start),
        "end": iso(course.end),
    }


def sentence(judged: Evaluation) -> str:
    """Return the verdict in words."""
    name, verdict = judged.version.name, judged.verdict
    if "unlabeled" in judged.reasons and judged.whom and judged.whom.unlabeled:
        return f"{name} is not judged: {unlabeled_line(judged.whom.unlabeled)}"
    if verdict.verdict == "insufficient":
        return (
            f"{name} is not judged: {counted(verdict.n, 'labeled prediction')}, "
            f"and {verdict.min_samples} {are(verdict.min_samples)} needed"
        )
    if judged.reasons == ("drift",):
        return f"{name} is degraded: its inputs or predictions drifted"
    return f"{name} is {verdict.verdict}" + (" and drifted" if "drift" in judged.reasons else "")


def _verdict_table(judged: Evaluation) -> Table:
    verdict = judged.verdict
    interval = "{:.2f} to {:.2f}".format(*verdict.interval) if verdict.interval else None
    row: list[Cell] = [
        judged.version.name,
        verdict.metric,
        verdict.n,
        verdict.baseline,
        verdict.current,
        verdict.ratio,
        f"{1 + verdict.threshold:g}",
        interval,
    ]
    columns = ["version", "metric", "n", "baseline", "current", "ratio", "limit", "95 % interval"]
    return Table(columns, [row])


def _recent_lines(judged: Evaluation) -> str:
    recent = judged.recent
    parts = [f"{m.label} {recent[name]:.3f}" for name, m in METRICS.items() if name in recent]
    if explains(judged):
        parts.append(f"R2 {recent['r2']:.3f}")
    lines = ["recent rows: " + ", ".join([*parts, f"bias {recent['bias']:+.3f}"])]
    if "interval_coverage" in recent:
        target, held = recent["interval_target"], recent["interval_coverage"]
        lines.append(f"{100 * target:g}% intervals hold {share(held)} of these rows")
    return "\n".join(lines)


def explains(judged: Evaluation) -> bool:
    """Return whether R2 is defined: of one price alone, however often, there is nothing to tell."""
    real = judged.rows.real
    return bool(len(real) and real.max() > real.min())


def _chart(judged: Evaluation) -> str:
    """Return the metric over time in one line, oldest first."""
    verdict = judged.verdict
    values = [part.value for part in judged.over_time(MOST_PARTS).parts]
    top = max([*values, verdict.baseline * (1 + verdict.threshold)])
    drawn = "".join(_BLOCKS[min(int(v / top * len(_BLOCKS)), len(_BLOCKS) - 1)] for v in values)
    limit = verdict.baseline * (1 + verdict.threshold)
    low, high, most = (figure(value, 3) for value in (min(values), max(values), limit))
    return f"{verdict.metric} over time: {drawn}  from {low} to {high}, limit {most}"


def _labels_line(judged: Evaluation) -> str:
    labels = judged.labels
    if labels.coverage is None:
        return "labels: no predictions in the window"
    text = f"labels: {labels.labeled} of the newest {counted(labels.predictions, 'prediction')}"
    if labels.delay_p50 is not None and labels.delay_p95 is not None:
        text += f", after {span(labels.delay_p50)} (half) to {span(labels.delay_p95)} (95 %)"
    return text


def version_rows(judged: Evaluation) -> list[list[Cell]]:
    """Return name, aliases, rows, baseline, current, ratio and bias of every version."""
    return [
        [v.version, ", ".join(v.aliases) or None, v.n, v.baseline, v.current, v.ratio, v.bias]
        for v in judged.versions
    ]


def _power_table(power: Power) -> Table:
    no_number = "no number is enough: the baseline is too uncertain"
    rows = [
        [f"+{float(size):.0%}", no_number if needed is None else needed, power.more(float(size))]
        for size, needed in power.needed.items()
    ]
    title = f"labels that show a degradation in 80 % of cases (confidence {power.confidence:g})"
    return Table(["degradation", "labels needed", "more"], rows, title)


def _few(columns: Sequence[Drift]) -> str:
    """Return the names of the first few columns, and how many more there are."""
    names = ", ".join(column.name for column in columns[:MOST_NAMED])
    more = len(columns) - MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names


def _notes(judged: Evaluation) -> list[str]:
    notes = [f"warning: {text}" for text in label_warnings(judged.labels)]
    if judged.biased:
        names = _few(judged.biased)
        notes.append(
            f"warning: labeled rows do not look like the unlabeled ones\n  in {names}\n"
            "  the error of all predictions may be another"
        )
        if corrected := corrected_words(judged):
            notes[-1] += "".join(f"\n  {line}" for line in corrected.splitlines())
    if judged.drifted and "drift" not in judged.reasons:
        notes.append(f"warning: drift in {_few(judged.drifted)}\n  `--drift` makes it decide")
    if judged.rows.skipped:
        broken = [f"\n  the first in {one}" for one in judged.broken]
        left_out = counted(judged.rows.skipped, "broken line")
        notes.append(f"warning: left out {left_out} of the log" + "".join(broken))
    if judged.rows.repeated:
        notes.append(
            f"warning: {judged.rows.repeated} lines of the log repeat a prediction, as where a "
            "backup was appended; it counts once"
        )
    return notes
