"""Leave the verdict of `housing evaluate` where Prometheus finds it.

The target is a file for the node exporter's textfile collector, or the URL of a Pushgateway. The
numbers are those of the result that is printed, the exit code among them: an alert on them and a
job that acts on the exit code cannot disagree. A judgment that failed leaves its exit code beside
the last verdict.
"""

from __future__ import annotations

import math
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from housing_cli.show.result import Result

VERDICTS = ("healthy", "degraded", "insufficient")
JOB = "housing_evaluate"
_LAST = "housing_evaluation_last_exit_code"
_LAST_HELP = "Exit code of the last run, also of one that failed before a verdict."
_TIMEOUT = 10.0


def with_verdict_left(result: Result, target: str) -> Result:
    """Leave the verdict at `target`; return the result, with a warning where that failed."""
    warning = leave_verdict(result, target)
    return msgspec.structs.replace(result, notes=[*result.notes, warning]) if warning else result


def leave_verdict(result: Result, target: str) -> str:
    """Write the verdict to `target`; return why that failed, or nothing.

    A monitoring system that is away must not turn a verdict into an error.
    """
    return _leave(exposition(result, time.time()), target)


def leave_failure(exit_code: int, target: str) -> str:
    """Write to `target` that there was no verdict, and keep the last; return why that failed."""
    return _leave(
        "\n".join(_family(_LAST, _LAST_HELP, [({}, exit_code)])) + "\n", target, keep=True
    )


def _leave(text: str, target: str, *, keep: bool = False) -> str:
    """Leave `text` at `target`; keep: what it does not name stays as it is."""
    try:
        if target.startswith(("http://", "https://")):
            # The Pushgateway's PUT replaces everything of the job, its POST what has the same name.
            _push(target, text, "POST" if keep else "PUT")
        else:
            _write(Path(target), text, keep=keep)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
        return f"warning: the verdict could not be left at `{target}`: {reason}"
    return ""


def exposition(result: Result, now: float) -> str:
    """Return the verdict in Prometheus's text format; `now` in epoch seconds."""
    data = result.data
    version = {"version": str(data["version"])}
    metric = {**version, "metric": str(data["metric"])}
    low, high = data["interval"] or (None, None)
    families: list[tuple[str, str, list[tuple[Mapping[str, str], object]]]] = [
        ("timestamp_seconds", "When production was judged.", [({}, now)]),
        ("exit_code", "Exit code of the judgment: 2 is degraded.", [(version, result.exit_code)]),
        (_LAST.removeprefix("housing_evaluation_"), _LAST_HELP, [({}, result.exit_code)]),
        (
            "verdict",
            "1 for the verdict that was given.",
            [({**version, "verdict": v}, float(v == data["verdict"])) for v in VERDICTS],
        ),
        ("baseline", "The metric at training time.", [(metric, data["baseline"])]),
        ("current", "The metric on recent real prices.", [(metric, data["current"])]),
        ("ratio", "Current over baseline.", [(metric, data["ratio"])]),
        ("ratio_low", "Lower end of the ratio's interval.", [(metric, low)]),
        ("ratio_high", "Upper end of the ratio's interval.", [(metric, high)]),
        (
            "limit",
            "The ratio above which a version is degraded.",
            [(metric, 1 + data["threshold"])],
        ),
        ("labeled_rows", "Labeled predictions that were judged.", [(version, data["n"])]),
        (
            "drifted_columns",
            "Inputs and predictions whose distribution moved.",
            [(version, len(data.get("drifted", ())))],
        ),
    ]
    lines: list[str] = []
    for name, text, samples in families:
        lines += _family(f"housing_evaluation_{name}", text, samples)
    return "\n".join(lines) + "\n"


def _family(
    name: str, text: str, samples: Iterable[tuple[Mapping[str, str], object]]
) -> Iterable[str]:
    known = [(labels, value) for labels, value in samples if isinstance(value, int | float)]
    if not known:
        return
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} gauge"
    for labels, value in known:
        pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{pairs}}} {_number(float(value))}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")


def _write(path: Path, text: str, *, keep: bool) -> None:
    """Replace `path` in one step: the collector reads whole files only."""
    if keep and path.exists():
        kept = [line for line in path.read_text().splitlines(keepends=True) if _LAST not in line]
        text = "".join(kept) + text
    # The collector takes `*.prom` alone, so that it never sees this name.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.chmod(0o644)
    temporary.replace(path)


def _push(url: str, text: str, method: str) -> None:
    """Send `text` to the Pushgateway at `url`."""
    request = urllib.request.Request(  # noqa: S310
        f"{url.rstrip('/')}/metrics/job/{JOB}",
        data=text.encode(),
        method=method,
        headers={"Content-Type": "text/plain; version=0.0.4"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310
        return
