"""The HTML page of one judgment: the verdict in words, and the figures behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.pages import charts
from housing_cli.pages.page import card, cards, page, table, write_page
from housing_cli.show.result import span

if TYPE_CHECKING:
    from housing_cli.judging.drift import Drift
    from housing_cli.loop.evaluate import Evaluation

Floats = NDArray[np.float64]

MOST_SPOTS = 1_500
MOST_POINTS = 24
BINS = 24
_WORDS = {"healthy": "Healthy", "degraded": "Degraded", "insufficient": "Not judged"}


def write_report(path: Path, judged: Evaluation) -> None:
    """Write the page of `judged` to `path`. Raises `ReportError`."""
    write_page(path, render(judged))


def render(judged: Evaluation) -> str:
    """Return the page of `judged`."""
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    blocks = [_verdict(judged)]
    if len(judged.rows):
        blocks.append(cards(_figures(judged)))
    if judged.drift:
        blocks.append(_drift(judged))
    blocks += [_versions(judged), _labels(judged)]
    return page(
        f"Evaluation of {judged.version.name}", f"{at}, window {judged.window.text}", blocks
    )


def _verdict(judged: Evaluation) -> str:
    verdict = judged.verdict
    text = f"<strong>{_WORDS[verdict.verdict]}</strong><p>{escape(_sentence(judged))}</p>"
    if verdict.ratio is not None and verdict.interval is not None and np.isfinite(verdict.ratio):
        text += charts.gauge(verdict.ratio, verdict.interval, 1 + verdict.threshold)
    for warning in _warnings(judged):
        text += f'<p class="warning">{escape(warning)}</p>'
    return f'<section class="card verdict {verdict.verdict}">{text}</section>'


def _sentence(judged: Evaluation) -> str:
    verdict, name = judged.verdict, judged.version.name
    metric = METRICS[verdict.metric].label
    if verdict.current is None or verdict.ratio is None:
        said = f"No real prices came in yet for predictions of {name}."
    else:
        said = (
            f"On {verdict.n} labeled predictions the {metric} of {name} is {verdict.current:.3f}; "
            f"at training time it was {verdict.baseline:.3f}. That is {verdict.ratio:.2f} times as "
            f"much, and up to {1 + verdict.threshold:g} times is allowed."
        )
        if verdict.p_value is not None:
            chance = _chance(verdict.p_value)
            said += f" Probability that errors grow this much by chance alone: {chance}."
    if verdict.verdict == "insufficient":
        said += f" At least {verdict.min_samples} are needed for a verdict."
    if "drift" in judged.reasons:
        said += " The inputs or predictions drifted away from the training data."
    return said


def _warnings(judged: Evaluation) -> list[str]:
    found = []
    if judged.drifted:
        found.append("Drift: " + "; ".join(d.reading for d in judged.drifted) + ".")
    if judged.biased:
        names = ", ".join(column.name for column in judged.biased)
        found.append(
            "Labeled rows do not look like the unlabeled ones: the error of all predictions may be "
            f"another ({names})."
        )
    return found


def _figures(judged: Evaluation) -> list[str]:
    rows, verdict = judged.rows, judged.verdict
    unit = judged.version.metadata.schema.target
    recent, before = judged.recent, judged.version.metadata.metrics
    scores: list[list[object]] = [
        [metric.label, recent.get(name), before.get(name)] for name, metric in METRICS.items()
    ]
    scores.append(["R²", recent["r2"], before["r2"]])
    scores.append(["mean error", recent["bias"], before.get("bias")])
    if "interval_coverage" in recent:
        target = recent["interval_target"]
        scores.append([f"{target:.0%} intervals hold", recent["interval_coverage"], target])
    spots = _sample(len(rows))
    pairs = list(zip(rows.predicted[spots].tolist(), rows.real[spots].tolist(), strict=True))
    return [
        card(f"{METRICS[verdict.metric].label} over time", _over_time(judged)),
        card("Figures", table(["", "now", "at training"], scores)),
        card("Predicted and real prices", charts.scatter(pairs, "predicted", f"real {unit}")),
        card(
            "Errors",
            _errors(judged),
            "Bars: now. Line: out of fold, at training. Left of 0 the prediction was too low.",
        ),
    ]


def _over_time(judged: Evaluation) -> str:
    verdict, course = judged.verdict, judged.over_time(MOST_POINTS)
    points = [(float(at), value) for at, value in enumerate(course.values)]
    marks = [
        charts.Line(verdict.baseline, "baseline", "base"),
        charts.Line(verdict.baseline * (1 + verdict.threshold), "limit", "limit"),
    ]
    return charts.over_time(points, marks, [_moment(at) for at in (course.start, course.end)])


def _errors(judged: Evaluation) -> str:
    now = judged.rows.predicted - judged.rows.real
    before = (judged.reference.out_of_fold - judged.reference.target).ravel()
    low, high = np.quantile(np.concatenate([now, before]), [0.005, 0.995]).tolist()
    edges = np.linspace(min(low, -1e-6), max(high, 1e-6), BINS + 1)
    shares = [
        np.histogram(np.clip(errors, edges[0], edges[-1]), edges)[0] / len(errors)
        for errors in (now, before)
    ]
    return charts.histogram(edges.tolist(), shares[0].tolist(), shares[1].tolist(), "error")


def _drift(judged: Evaluation) -> str:
    ordered = sorted(judged.drift, key=lambda column: -column.psi)
    limit = charts.Line(0.2, "large", "limit")
    drawn = charts.bars([(d.name, d.psi, f"{d.psi:.2f}", d.drifted) for d in ordered], limit)
    rows = [[_read(d), round(d.psi, 3), _chance(d.p_value)] for d in ordered]
    return cards(
        [
            card(
                "Drift against the training data",
                drawn,
                "Population stability index (PSI). Red: large and beyond chance.",
            ),
            card("Drift in words", table(["reading", "PSI", "p"], rows)),
        ]
    )


def _read(column: Drift) -> str:
    return column.reading if column.drifted else f"{column.name}: no drift"


def _versions(judged: Evaluation) -> str:
    rows = [
        [v.version, ", ".join(v.aliases), v.n, v.baseline, v.current, v.ratio, v.bias]
        for v in judged.versions
    ]
    columns = ["version", "aliases", "rows", "baseline", "current", "ratio", "mean error"]
    return card("Versions", table(columns, rows), "Each on its own newest labeled predictions.")


def _labels(judged: Evaluation) -> str:
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
    return card("Real prices", table([], rows))


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else span(seconds)


def _chance(p_value: float) -> str:
    # It must not break in a narrow column.
    return "<\N{NO-BREAK SPACE}0.001" if p_value < 0.001 else f"{p_value:.3f}"  # noqa: PLR2004


def _sample(n: int) -> NDArray[np.intp]:
    """Return the positions of at most `MOST_SPOTS` rows, evenly over the window."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_SPOTS)).astype(np.intp))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
