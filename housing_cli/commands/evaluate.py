"""`housing evaluate`: how you ask whether production got worse."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, Sets, VersionRef
from housing_cli.data.metrics import METRICS
from housing_cli.show.result import Result

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
    str | None, typer.Option("--metric", metavar="|".join(METRICS), help="What is compared.")
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

    if replay:
        others: dict[str, object] = {
            "threshold": threshold,
            "budget": budget,
            "drift": drift or None,
            "power": power or None,
            "report": report,
            "prometheus": prometheus,
        }
        refuse_beside_replay([name for name, given in others.items() if given is not None])

    def judge() -> Result:
        from housing_cli.config import load_settings
        from housing_cli.loop.evaluate import evaluate
        from housing_cli.show.evaluate import result_of

        settings = load_settings(config, options, sets or ())
        if replay:
            from housing_cli.loop.replay import replay as replayed
            from housing_cli.show.replay import replay_result

            return replay_result(replayed(settings, version or "production"), strict=strict)
        judged = evaluate(
            settings, "production" if version is None else version, drift_decides=drift
        )
        if report is not None:
            from housing_cli.show.report import write_report

            write_report(report, judged)
        return result_of(judged, strict=strict, power=power, report=report)

    if prometheus is None:
        return judge()
    from housing_cli.show.prometheus import leaving_the_verdict

    return leaving_the_verdict(judge, prometheus)


def refuse_beside_replay(others: Sequence[str]) -> None:
    """Raise `UsageError` for options that a replay cannot follow: it judges and writes nothing."""
    if others:
        from housing_cli.errors import UsageError

        names = ", ".join(f"`--{name}`" for name in others)
        raise UsageError(f"`--replay` goes without {names}", "ask for one of them at a time")
