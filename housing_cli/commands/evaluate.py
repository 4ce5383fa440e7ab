"""`housing evaluate`: how you ask whether production got worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from housing_cli.commands.options import Config, Json, Sets, VersionRef, carried
from housing_cli.data.metrics import METRICS
from housing_cli.show.result import Result

if TYPE_CHECKING:
    from housing_cli.config import Settings

EXAMPLE = "housing evaluate --threshold 0.1 --window 30d --json"


Threshold = Annotated[
    float | None,
    typer.Option("--threshold", metavar="X", help="Degraded above 1 + X; default 0.1."),
]
Window = Annotated[
    str | None,
    typer.Option(
        "--window", metavar="WINDOW", help="30d, 24h, 90m (minutes), or newest rows: 1000."
    ),
]
MinSamples = Annotated[
    int | None, typer.Option("--min-samples", metavar="N", help="Below: insufficient.")
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="|".join(METRICS),
        help="What is compared.",
        autocompletion=lambda incomplete: [m for m in METRICS if m.startswith(incomplete)],
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option("--confidence", metavar="P", help="Degraded only if also significant."),
]
Budget = Annotated[
    float | None,
    typer.Option(
        "--budget",
        metavar="P",
        help="Instead: false alarms in a year of any looks, such as 0.05; "
        "the plain rule, looked at daily, has one in 9 of 10 years.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 3 where the evidence is too little.")]
Drift = Annotated[
    bool, typer.Option("--drift", help="Drifted inputs are a degradation too, labels or not.")
]
Power = Annotated[
    bool, typer.Option("--power", help="Say how many labels show how large a degradation.")
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write an HTML page as well.")
]
Prometheus = Annotated[
    str | None,
    typer.Option(
        "--prometheus", metavar="FILE|URL", help="Leave the verdict in a textfile or Pushgateway."
    ),
]
Replay = Annotated[
    bool,
    typer.Option("--replay", help="Price the window's labeled rows with --version; never exits 2."),
]

Shadow = Annotated[
    bool, typer.Option("--shadow", help="Judge the shadow against production; never exits 2.")
]
Canary = Annotated[
    bool, typer.Option("--canary", help="Judge the canary: errors, latency, prices, quality.")
]


def command(
    threshold: Threshold = None,
    window: Window = None,
    min_samples: MinSamples = None,
    metric: Metric = None,
    confidence: Confidence = None,
    budget: Budget = None,
    version: VersionRef = None,
    strict: Strict = False,
    drift: Drift = False,
    power: Power = False,
    report: Report = None,
    prometheus: Prometheus = None,
    replay: Replay = False,
    shadow: Shadow = False,
    canary: Canary = False,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Judge a version on the real prices that came in; exit 2 when it is degraded."""
    options = {
        "evaluate.threshold": threshold,
        "evaluate.window": window,
        "evaluate.min_samples": min_samples,
        "evaluate.metric": metric,
        "evaluate.confidence": confidence,
        "evaluate.false_alarms_per_year": budget,
    }
    if shadow or canary:
        others = {"budget": budget, "version": version, "drift": drift or None,
                  "power": power or None, "report": report, "prometheus": prometheus,
                  "replay": replay or None}  # fmt: skip
        others |= (
            {"threshold": threshold, "window": window, "canary": canary or None}
            if shadow
            else {"confidence": confidence}
        )
        name = "shadow" if shadow else "canary"
        refuse_beside([other for other, given in others.items() if given is not None], name)
    if replay:
        others = {"threshold": threshold, "budget": budget, "drift": drift or None,
                  "power": power or None, "report": report, "prometheus": prometheus}  # fmt: skip
        refuse_beside([name for name, given in others.items() if given is not None], "replay")
    asked = _Asked(version or "production", strict, drift, power, report, carried(config, sets))

    def judge() -> Result:
        from housing_cli.config import load_settings

        settings = load_settings(config, options, sets or ())
        if replay:
            return _replayed(settings, asked)
        if shadow:
            return _shadowed(settings, asked)
        if canary:
            return _canaried(settings, asked)
        return _judged(settings, load_settings(config, {}, sets or ()), asked)

    if prometheus is None:
        return judge()
    from housing_cli.show.prometheus import leaving_the_verdict

    return leaving_the_verdict(judge, prometheus)


class _Asked(NamedTuple):
    """What is no setting: whom to judge, what more to say, and what the next command needs."""

    version: str
    strict: bool
    drift: bool
    power: bool
    report: Path | None
    carried: str


def _judged(settings: Settings, usual: Settings, asked: _Asked) -> Result:
    """Judge; usual: the settings without this command's options, which the next one has."""
    from housing_cli.loop.advice import advised
    from housing_cli.loop.evaluate import evaluate
    from housing_cli.show.evaluate import result_of

    judged = evaluate(settings, asked.version, drift_decides=asked.drift)
    judged = advised(usual, judged)
    result = result_of(judged, strict=asked.strict, power=asked.power, carried=asked.carried)
    if asked.report is None:
        return result
    from housing_cli.show.report import leaving_the_report

    return leaving_the_report(result, judged, asked.report, asked.carried)


def _replayed(settings: Settings, asked: _Asked) -> Result:
    from housing_cli.loop.replay import replay
    from housing_cli.show.replay import replay_result

    return replay_result(replay(settings, asked.version), strict=asked.strict)


def _shadowed(settings: Settings, asked: _Asked) -> Result:
    from housing_cli.loop.shadow import judge_shadow
    from housing_cli.show.shadow import shadow_result

    return shadow_result(judge_shadow(settings), strict=asked.strict, carried=asked.carried)


def _canaried(settings: Settings, asked: _Asked) -> Result:
    from housing_cli.loop.canary import judge_canary
    from housing_cli.show.canary import canary_result

    return canary_result(judge_canary(settings), strict=asked.strict, carried=asked.carried)


def refuse_beside(others: Sequence[str], asked: str) -> None:
    """Raise `UsageError` for options that a replay, or a look at a trial, cannot follow.

    asked: the option that they stand beside.
    """
    if others:
        from housing_cli.errors import UsageError

        names = ", ".join(f"`--{name}`" for name in others)
        raise UsageError(f"`--{asked}` goes without {names}", "ask for one of them at a time")
