"""What `housing evaluate --canary` says: one sentence, a line a part, the `--json` payload."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.show.advice import iso, next_note
from housing_cli.show.result import Result, Table
from housing_cli.words import counted, figure, folded, short_time

if TYPE_CHECKING:
    from housing_cli.loop.canary import Canary

_CODES = {"degraded": ExitCode.DEGRADED, "healthy": ExitCode.OK}
_HALF = 50.0
_NAMES = {"errors": "errors", "latency": "latency", "price_jump": "price", "quality": "quality"}


def canary_result(judged: Canary, *, strict: bool, carried: str = "") -> Result:
    """Return the result of one judgment; carried: options that the next command needs as well."""
    code = _CODES.get(judged.verdict, ExitCode.INSUFFICIENT if strict else ExitCode.OK)
    data = canary_payload(judged, carried)
    rows = [
        [_NAMES[name], part.verdict, text]
        for (name, part), text in zip(judged.parts.items(), _texts(judged), strict=True)
    ]
    trial = judged.trial
    line = (
        f"canary since {short_time(trial.since)}, {trial.weight:g}% of the rows, beside "
        f"{judged.production.name}"
    )
    return Result(
        "evaluate",
        data,
        show=[canary_sentence(judged), Table(["part", "verdict", "what was found"], rows), line],
        status={"healthy": "ok"}.get(judged.verdict, judged.verdict),
        exit_code=code,
        notes=[*(f"warning: {text}" for text in data["warnings"]), _next(judged, carried)],
        outputs={key: data[key] for key in ("version", "verdict", "ratio", "n")},
        tone={"healthy": "good", "degraded": "bad"}.get(judged.verdict, ""),
    )


def canary_payload(judged: Canary, carried: str = "") -> dict[str, Any]:
    """Return the `data` of `--json`; `ratio`, `current` and `baseline` are those of `quality`."""
    quality = judged.quality
    return {
        "version": judged.version.name,
        "metric": judged.metric,
        "baseline": quality.production,
        "current": quality.canary,
        "ratio": quality.ratio,
        "threshold": quality.limit - 1,
        "n": quality.n,
        "min_samples": judged.min_samples,
        "verdict": judged.verdict,
        "reasons": judged.of("degraded") or judged.of("insufficient"),
        "interval": quality.interval and list(quality.interval),
        "window": f"since {iso(judged.since.timestamp())}",
        "skipped": judged.skipped,
        "warnings": _warnings(judged),
        "canary": {
            "sentence": canary_sentence(judged),
            "against": judged.production.name,
            "since": judged.trial.since,
            "weight": judged.trial.weight,
            **{name: asdict(part) for name, part in judged.parts.items()},
            "next": f"housing {_command(judged)}{carried}",
        },
    }


def canary_sentence(judged: Canary) -> str:
    """Return the verdict in words."""
    name = judged.version.name
    if judged.verdict == "healthy":
        usual = judged.production.name
        return f"{name} is healthy: it works, and is not shown to price worse than {usual}"
    parts = ", ".join(_NAMES[part] for part in judged.of(judged.verdict))
    if judged.verdict == "degraded":
        return f"{name} is degraded: {parts}"
    return f"{name} is not judged yet: too little is known of {parts}"


def _texts(judged: Canary) -> list[str]:
    """Return what was found of each part, in their order."""
    return [_errors(judged), _latency(judged), _price(judged), _quality(judged)]


def _errors(judged: Canary) -> str:
    found = judged.errors
    if not found.n:
        return "no row was asked of it yet"
    said = f"failed on {found.failed} of {counted(found.n, 'row')}"
    if found.verdict == "insufficient" and found.highest is not None:
        return f"{said}: up to {found.highest:.1%} may fail, {found.limit:.1%} allowed"
    return f"{said}, {found.limit:.1%} allowed"


def _latency(judged: Canary) -> str:
    found = judged.latency
    if found.canary is None or found.production is None:
        return "no row to time it on"
    return (
        f"{figure(found.canary, 3)} ms a row, {judged.production.name} "
        f"{figure(found.production, 3)} ms; {found.limit:g} ms more allowed"
    )


def _price(judged: Canary) -> str:
    found = judged.price_jump
    if found.jump is None or found.level is None:
        return "no row that both priced"
    apart, allowed = (math.exp(min(value, 50.0)) for value in (found.jump, found.limit))
    return (
        f"{figure(apart, 3)} times apart (median of {counted(found.n, 'row')}), "
        f"{figure(allowed, 3)} allowed"
    )


def _quality(judged: Canary) -> str:
    found, label = judged.quality, METRICS[judged.metric].label
    counts = f"{found.n} and {found.others} labels"
    if found.ratio is None or found.canary is None or found.production is None:
        return f"{counts}; {judged.min_samples} of each needed"
    ends = [None if end is None else f"{end:.2f}" for end in found.interval or (None, None)]
    said = f"{label} {figure(found.canary, 3)} against {figure(found.production, 3)}"
    return f"{said}, ratio {ends[0] or 'any'} to {ends[1] or 'any'}; {counts}"


def _warnings(judged: Canary) -> list[str]:
    found = []
    if judged.doubt:
        found.append(f"{judged.version.name}: {judged.doubt}: servers do not ask it")
    elif not judged.errors.n:
        found.append("no server asked the canary yet: is one running, and does it split?")
    if judged.skipped:
        found.append(f"left out {counted(judged.skipped, 'broken line')} of the log")
    return found


def _command(judged: Canary) -> str:
    if judged.doubt:
        return "promote --abort --reason 'other features'"
    if judged.verdict == "degraded":
        why = ", ".join(_NAMES[part] for part in judged.of("degraded"))
        return f"promote --abort --reason '{why}'"
    if judged.verdict == "healthy":
        weight = judged.trial.weight
        return f"promote --weight {_HALF:g}" if weight < _HALF else "promote canary"
    return "evaluate --canary"


def _next(judged: Canary, carried: str) -> str:
    command = _command(judged)
    if judged.verdict == "insufficient" and not judged.doubt:
        return folded(f"next: wait for more rows, then housing {command}{carried}", "")
    return next_note(command + carried)
