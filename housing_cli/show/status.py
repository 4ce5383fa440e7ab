"""What `housing status` says: the loop in ten lines, and all of it as `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.prediction_log.urls import HIDDEN, redacted
from housing_cli.registry.names import CANARY, is_version
from housing_cli.show.advice import advice_notes, iso, since_words
from housing_cli.show.evaluate import payload as evaluation_payload
from housing_cli.show.evaluate import sentence
from housing_cli.show.result import Cell, Result, Table, describe
from housing_cli.words import counted, figure, folded, in_one_line, short_time

if TYPE_CHECKING:
    from housing_cli.config import Settings
    from housing_cli.loop.candidate import Candidate
    from housing_cli.loop.evaluation import Evaluation
    from housing_cli.loop.status import Retraining, Serving, Status
    from housing_cli.loop.tried import TrialStatus

_LABEL = 12
_SECRETS = {"api.keys", "registry.signing_key"}


def result_of(found: Status, *, first: str, carried: str = "") -> Result:
    """Return the result; first: the words after `housing` where there is no version yet."""
    data = payload(found, first=first, carried=carried)
    judged = found.judged
    tone = {"healthy": "good", "degraded": "bad"}.get(judged.verdict.verdict, "") if judged else ""
    return Result(
        "status",
        data,
        show=[_headline(found), "\n".join(_lines(found, _next(found, first, carried)))],
        status="error" if found.failed else "ok",
        exit_code=ExitCode.FAILURE if found.failed else ExitCode.OK,
        errors=[describe(found.failed)] if found.failed else (),
        tone=tone,
    )


def payload(found: Status, *, first: str, carried: str) -> dict[str, Any]:
    """Return the `data` of `--json`: what the lines say, and the whole judgment."""
    judged = found.judged
    evaluation = None if judged is None else evaluation_payload(judged, carried)
    kept = ("verdict", "metric", "baseline", "current", "ratio", "interval", "threshold", "n",
            "min_samples", "since", "worst_segment", "better_version")  # fmt: skip
    production, moved = found.production, found.moved
    return {
        "at": iso(datetime.now(UTC).timestamp()),
        "version": found.name,
        "tag": production and production.metadata.tag,
        "production_since": moved and moved.when,
        "production_by": moved and moved.who,
        "production_why": moved and moved.why,
        **{key: None if evaluation is None else evaluation[key] for key in kept},
        "labels": None if judged is None else _labels_payload(judged),
        "log": asdict(found.log),
        "serving": {**asdict(found.serving), "reasons": list(found.serving.reasons)},
        "trials": [_trial_payload(trial, carried) for trial in found.trials],
        "candidate": _candidate_payload(found.candidate, carried),
        "last_retrain": found.retrained and asdict(found.retrained),
        "next": _next_payload(found, first, carried, evaluation),
        "evaluation": evaluation,
    }


def _next_payload(
    found: Status, first: str, carried: str, evaluation: Mapping[str, Any] | None
) -> Any:
    if evaluation is not None:
        if _waits_instead(found):
            found_next = _candidate_payload(found.candidate, carried) or {}
            return {**evaluation["next"], "action": "promote", "labels": None,
                    "command": found_next["command"], "why": _WAITING, "hint": ""}  # fmt: skip
        return evaluation["next"]
    if found.failed is not None:
        command = f"housing promote --rollback{carried}" if found.previous else None
        return {"action": "promote" if command else "mend", "command": command,
                "why": found.failed.message, "labels": None, "hint": found.failed.hint}  # fmt: skip
    action = "promote" if found.waiting else "train"
    command = f"housing {_first_command(found, first, carried)}"
    return {"action": action, "command": command, "why": found.refused, "labels": None, "hint": ""}


_WAITING = "what was learned last waits for approval"


def _waits_instead(found: Status) -> bool:
    """Say whether what a retraining would give is there already, and waits for a person."""
    advice = found.judged.advice if found.judged is not None else None
    waits = found.candidate is not None and not found.candidate.refused
    return waits and advice is not None and advice.next.action == "retrain"


def _trial_payload(trial: TrialStatus, carried: str) -> dict[str, Any]:
    return {**asdict(trial), "command": f"housing {trial.command}{carried}"}


def _candidate_payload(candidate: Candidate | None, carried: str) -> dict[str, Any] | None:
    if candidate is None:
        return None
    return {
        "version": candidate.version,
        "since": candidate.since,
        "evidence": _evidence(candidate),
        "refused": candidate.refused or None,
        "command": f"housing {candidate.command}{carried}",
    }


def _evidence(candidate: Candidate) -> str | None:
    """Return in a line what speaks for a candidate, where it was compared."""
    found = candidate.comparison
    if found is None:
        return None
    return (
        f"{METRICS[found['metric']].label} {figure(found['challenger'], 3)} against "
        f"{figure(found['champion'], 3)} on {counted(found['n'], 'recent row')}"
    )


def _first_command(found: Status, first: str, carried: str) -> str:
    if found.waiting is None:
        return first
    return f"promote {found.waiting}{' --force' if found.refused else ''}{carried}"


def _labels_payload(judged: Evaluation) -> dict[str, Any]:
    labels, rows = judged.labels, judged.rows
    return {
        "n": judged.verdict.n,
        "newest": iso(float(rows.labeled_at.max())) if len(rows) else None,
        "waiting": labels.predictions - labels.labeled,
        "coverage": labels.coverage,
    }


def _headline(found: Status) -> str:
    judged = found.judged
    if judged is None:
        if found.name is not None:
            return f"{found.name} cannot be judged now"
        return "no model yet" if found.waiting is None else "no version is production"
    verdict = judged.verdict
    said = in_one_line(sentence(judged))
    if verdict.current is None or verdict.ratio is None or verdict.verdict == "insufficient":
        return folded(said)
    ends = " ({:.2f} to {:.2f})".format(*verdict.interval) if verdict.interval else ""
    label = METRICS[verdict.metric].label
    return folded(
        f"{said}: {label} {figure(verdict.current, 3)}, {verdict.ratio:.2f} times the "
        f"baseline{ends}, limit {1 + verdict.threshold:g}"
    )


def _lines(found: Status, following: str) -> list[str]:
    """Return the other lines; what is not so has none."""
    judged = found.judged
    told: dict[str, str] = {"production": _production(found)}
    if judged is not None:
        if judged.advice is not None and judged.advice.since is not None:
            told["since"] = since_words(judged.advice.since, judged.verdict.metric)
        worst = judged.worst_segment
        if judged.verdict.verdict == "degraded" and worst is not None and worst.significant:
            before = "-" if worst.baseline is None else figure(worst.baseline, 3)
            told["houses"] = (
                f"{worst.bounds}, {counted(worst.n, 'row')}: {METRICS[worst.metric].label} "
                f"{figure(worst.current, 3)}, baseline there {before}"
            )
        told["labels"] = _labels(judged)
    for trial in found.trials:
        told[trial.alias] = _trial(trial)
    if found.candidate is not None:
        told["candidate"] = _candidate(found.candidate)
    told["log"] = _log(found)
    told["serving"] = _serving(found.serving)
    told["retrained"] = _retrained(found.retrained)
    told["next"] = following
    return [
        folded(text, f"{label:<{_LABEL}}", " " * _LABEL) for label, text in told.items() if text
    ]


def _production(found: Status) -> str:
    if found.name is None:
        return "" if found.waiting is None else f"none; the newest version is {found.waiting}"
    tag = found.production and found.production.metadata.tag
    said = found.name + (f" ({tag})" if tag else "")
    if found.moved is None:
        return said
    why = f": {found.moved.why}" if found.moved.why else ""
    return f"{said}, since {short_time(found.moved.when)} by {found.moved.who}{why}"


def _trial(trial: TrialStatus) -> str:
    if not is_version(trial.version):  # the file of the alias holds whatever it holds
        return f"{trial.problem}; housing {trial.command}"
    weight = f", {trial.weight:g}% of the rows" if trial.alias == CANARY and trial.since else ""
    since = f" since {short_time(trial.since)}" if trial.since else ""
    verdict = trial.problem or f"{trial.verdict}, {counted(trial.n, 'label')}"
    return f"{trial.version}{since}{weight}: {verdict}; housing {trial.command}"


def _candidate(candidate: Candidate) -> str:
    since = f" since {short_time(candidate.since)}" if candidate.since else ""
    evidence = _evidence(candidate)
    said = f": {evidence}" if evidence else ""
    refused = f"; without force refused: {candidate.refused}" if candidate.refused else ""
    waits = f"{candidate.version} waits for approval{since}{said}"
    return f"{waits}; housing {candidate.command}{refused}"


def _labels(judged: Evaluation) -> str:
    labels = _labels_payload(judged)
    newest = "" if labels["newest"] is None else f", the newest {short_time(labels['newest'])}"
    waiting = counted(labels["waiting"], "prediction")
    return f"{labels['n']} judged{newest}; {waiting} without one"


def _log(found: Status) -> str:
    log = found.log
    if log.problem and found.failed is not None and log.problem == found.failed.message:
        return f"{log.url}, cannot be used now"
    if log.problem:
        return f"{log.url}: {log.problem}"
    return f"{log.url}, can be " + ("written" if log.writable else "read")


def _serving(serving: Serving) -> str:
    if serving.ready is None:
        return f"nobody answers at {serving.address}"
    said = "is ready" if serving.ready else "is not ready"
    version = f" with {serving.version}" if serving.version else ""
    return f"{serving.address} {said}{version}" + "".join(f"; {why}" for why in serving.reasons)


def _retrained(last: Retraining | None) -> str:
    if last is None:
        return ""
    what = {"promoted": "became production", "waits": "waits to be promoted",
            "refused": "was refused"}[last.outcome]  # fmt: skip
    return f"{short_time(last.when)}: {last.version} {what}"


def _next(found: Status, first: str, carried: str) -> str:
    if found.failed is not None:
        back = f"housing promote --rollback{carried} (to {found.previous}); or "
        return back * bool(found.previous) + found.failed.hint
    if found.judged is None:
        why = f"; without force refused: {found.refused}" if found.refused else ""
        return f"housing {_first_command(found, first, carried)}{why}"
    if found.candidate is not None and _waits_instead(found):
        return f"housing {found.candidate.command}{carried}; {_WAITING}"
    notes = advice_notes(found.judged.advice, carried)
    return in_one_line("\n".join(notes)).removeprefix("next: ") or "nothing to do"


def settings_result(settings: Settings, sources: Mapping[str, str]) -> Result:
    """Return the merged settings, secrets hidden; sources: where each came from, or nothing."""
    rows: list[list[Cell]] = []
    told = {}
    for section, values in msgspec.to_builtins(settings).items():
        for key, value in values.items():
            name = f"{section}.{key}"
            shown = _hidden(name, value)
            source = sources.get(name, "default")
            told[name] = {"value": shown, "source": source}
            text = shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()
            rows.append([name, _short(text), "variable" if _is_variable(source) else source])
    return Result("status", {"settings": told}, show=[Table(["setting", "value", "from"], rows)])


_WIDE = 24


def _is_variable(source: str) -> bool:
    """Say whether a setting came from its variable: which that is, its name tells."""
    return source.startswith("variable ")


def _short(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}\N{HORIZONTAL ELLIPSIS}"


def _hidden(name: str, value: Any) -> Any:
    """Return a setting without what is nobody's business: keys, and passwords within URLs."""
    if name in _SECRETS and value:
        return [HIDDEN] * len(value) if isinstance(value, list | tuple) else HIDDEN
    if isinstance(value, str):
        return redacted(value) if "://" in value or "=" in value else value
    if isinstance(value, list | tuple):
        return [_hidden(name, one) for one in value]
    return value
