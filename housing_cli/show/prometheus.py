"""Leave the verdict of `housing evaluate` where Prometheus finds it.

The target is a file for the node exporter's textfile collector, or the URL of a Pushgateway. The
numbers are those of the result that is printed, the exit code among them: an alert on them and a
job that acts on the exit code cannot disagree. A judgment that failed leaves its exit code beside
the last verdict.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from prometheus_client import (
    Metric,
    generate_latest,
    push_to_gateway,
    pushadd_to_gateway,
    write_to_textfile,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import basic_auth_handler, default_handler
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from housing_cli.errors import ExitCode, UsageError
from housing_cli.files import read_file
from housing_cli.show.result import Result, warned

VERDICTS = ("healthy", "degraded", "insufficient")
JOB = "housing_evaluate"
_PREFIX = "housing_evaluation_"
_LAST = "last_exit_code"
_LAST_HELP = "Exit code of the last run, also of one that failed before a verdict."
_TIMEOUT = 10.0


class _Told(list[Metric], Collector):
    """Metrics that are there already, as prometheus-client wants them."""

    def collect(self) -> list[Metric]:
        return self


def leaving_the_verdict(judge: Callable[[], Result], target: str) -> Result:
    """Judge, leave the verdict at `target`, and return it, with a warning where that failed.

    Raises what `judge` raises, after its exit code was left beside the last verdict.
    """
    try:
        result = judge()
    except Exception as error:
        # The error is what matters: nothing is said if this fails as well.
        leave_failure(ExitCode.USAGE if isinstance(error, UsageError) else ExitCode.FAILURE, target)
        raise
    warning = leave_verdict(result, target)
    return warned(result, warning) if warning else result


def leave_verdict(result: Result, target: str) -> str:
    """Write the verdict to `target`; return why that failed, or nothing.

    A monitoring system that is away must not turn a verdict into an error.
    """
    return _leave(families(result, time.time()), target)


def leave_failure(exit_code: int, target: str) -> str:
    """Write to `target` that there was no verdict, and keep the last; return why that failed."""
    return _leave([_family(_LAST, _LAST_HELP, {}, exit_code)], target, keep=True)


def exposition(result: Result, now: float) -> str:
    """Return the verdict in Prometheus's text format; `now` in epoch seconds."""
    return generate_latest(_Told(families(result, now))).decode()


def families(result: Result, now: float) -> list[Metric]:
    """Return the verdict as metrics; what is unknown is left out."""
    data = result.data
    version = {"version": str(data["version"])}
    metric = {**version, "metric": str(data["metric"])}
    low, high = data["interval"] or (None, None)
    drifted = len(data.get("drifted", ()))
    told: list[tuple[str, str, Mapping[str, str], float | None]] = [
        ("timestamp_seconds", "When production was judged.", {}, now),
        ("exit_code", "Exit code of the judgment: 2 is degraded.", version, result.exit_code),
        (_LAST, _LAST_HELP, {}, result.exit_code),
        ("baseline", "The metric at training time.", metric, data["baseline"]),
        ("current", "The metric on recent real prices.", metric, data["current"]),
        ("ratio", "Current over baseline.", metric, data["ratio"]),
        ("ratio_low", "Lower end of the ratio's interval.", metric, low),
        ("ratio_high", "Upper end of the ratio's interval.", metric, high),
        ("limit", "The ratio above which a version is degraded.", metric, 1 + data["threshold"]),
        ("labeled_rows", "Labeled predictions that were judged.", version, data["n"]),
        ("drifted_columns", "Inputs and predictions whose distribution moved.", version, drifted),
    ]
    verdict = GaugeMetricFamily(
        f"{_PREFIX}verdict", "1 for the verdict that was given.", labels=["version", "verdict"]
    )
    for name in VERDICTS:
        verdict.add_metric([version["version"], name], float(name == data["verdict"]))
    known = [
        _family(name, text, labels, value)
        for name, text, labels, value in told
        if value is not None
    ]
    return [*known, verdict]


def _family(name: str, text: str, labels: Mapping[str, str], value: float) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=list(labels))
    family.add_metric(list(labels.values()), float(value))
    return family


def _leave(told: list[Metric], target: str, *, keep: bool = False) -> str:
    """Leave metrics at `target`; keep: what they do not name stays as it is."""
    try:
        if target.startswith(("http://", "https://")):
            _push(urlsplit(target), told, keep=keep)
        else:
            _write(Path(target), told, keep=keep)
    except (OSError, ValueError, HTTPException) as error:
        shown = re.sub("(?<=://)[^/]*@", "", target)
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
        return f"the verdict could not be left at `{shown}`: {reason}"
    return ""


def _write(path: Path, told: list[Metric], *, keep: bool) -> None:
    """Replace `path` in one step: the collector reads whole files only."""
    if keep and path.exists():
        names = {family.name for family in told}
        told = [*(family for family in _read(path) if family.name not in names), *told]
    write_to_textfile(str(path), _Told(told))
    path.chmod(0o644)  # the collector is another user, whatever the umask


def _read(path: Path) -> list[Metric]:
    """Return what stands in a textfile; nothing where that is no such text."""
    try:
        return list(text_string_to_metric_families(read_file(path).decode()))
    except ValueError:
        return []


def _push(url: SplitResult, told: list[Metric], *, keep: bool) -> None:
    """Send metrics to a Pushgateway: its PUT replaces all of the job, its POST the same names."""
    handler: Callable[..., Callable[[], None]] = default_handler
    if url.username is not None:
        user, password = unquote(url.username), unquote(url.password or "")
        handler = partial(basic_auth_handler, username=user, password=password)
    push = pushadd_to_gateway if keep else push_to_gateway
    gateway = url._replace(netloc=_host(url)).geturl()
    push(gateway, JOB, _Told(told), timeout=_TIMEOUT, handler=handler)


def _host(url: SplitResult) -> str:
    """Return host and port, without the name and password that may stand before them."""
    return url.netloc.rpartition("@")[2]
