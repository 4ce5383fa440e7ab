"""What `housing evaluate --shadow` says: one sentence, the figures, the `--json` payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.show.advice import next_note
from housing_cli.show.result import Cell, Result, Table
from housing_cli.words import are, counted, figure, folded, share, short_time

if TYPE_CHECKING:
    from housing_cli.judging.shadow import Contest
    from housing_cli.loop.shadow import Shadowed

_FEW = "few"
_FAILURES = "failures"
_PLENTY = 1000


def shadow_result(judged: Shadowed, *, strict: bool, carried: str = "") -> Result:
    """Return the result of one judgment; carried: options that the next command needs as well.

    It is never degraded: production is what it was, whatever the shadow is.
    """
    insufficient = judged.verdict == "insufficient"
    data = shadow_payload(judged, carried)
    show: list[str | Table] = [shadow_sentence(judged)]
    if judged.found is not None:
        show += [_table(judged, judged.found), _evidence_line(judged, judged.found)]
    show.append(_rows_line(judged))
    return Result(
        "evaluate",
        data,
        show=show,
        status="insufficient" if insufficient else "ok",
        exit_code=ExitCode.INSUFFICIENT if insufficient and strict else ExitCode.OK,
        notes=[*(f"warning: {text}" for text in data["warnings"]), _next(judged, carried)],
        outputs={key: data[key] for key in ("version", "verdict", "ratio", "n")},
        tone={"better": "good", "worse": "bad"}.get(judged.verdict, ""),
    )


def shadow_payload(judged: Shadowed, carried: str = "") -> dict[str, Any]:
    """Return the `data` of `--json`; `ratio`, `current` and `baseline` are of the same rows."""
    found = judged.found
    names = ("production", "shadow", "robust", "better", "worse", "differing")
    figures: dict[str, Any] = {name: found and getattr(found, name) for name in names}
    improved = found and found.improved
    interval = list(found.interval) if found is not None and any(found.interval) else None
    return {
        "version": judged.version.name,
        "metric": judged.metric,
        "baseline": figures["production"],
        "current": figures["shadow"],
        "ratio": found and found.ratio,
        "threshold": None,
        "confidence": judged.confidence,
        "n": judged.n,
        "min_samples": judged.min_samples,
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "interval": interval,
        "window": f"since {judged.since}",
        "skipped": judged.skipped,
        "warnings": _warnings(judged),
        "shadow": {
            "sentence": shadow_sentence(judged),
            "against": judged.production.name,
            "since": judged.since,
            "doubt": judged.doubt,
            "answers": judged.answers,
            "failed": judged.failed,
            "labeled": judged.labeled,
            "unlabeled": judged.answers - judged.labeled,
            "unpriced": judged.unpriced,
            "doubtful": judged.doubtful,
            "repeated": judged.repeated,
            "others": judged.others,
            "ratio": figures["robust"],
            "e_better": figures["better"],
            "e_worse": figures["worse"],
            "e_needed": _needed(judged),
            "differing": figures["differing"] or 0,
            "improved": improved and improved.value,
            "improved_interval": improved and list(improved.interval),
            "next": f"housing {_command(judged)}{carried}",
        },
    }


def shadow_sentence(judged: Shadowed) -> str:
    """Return the verdict in words."""
    name, other, found = judged.version.name, judged.production.name, judged.found
    if _FAILURES in judged.reasons:
        verdict = "is worse than" if judged.verdict == "worse" else "is not yet better than"
        failed = f"it failed on {judged.failed} of {counted(judged.answers, 'row')}"
        return f"{name} {verdict} {other}: {failed}"
    if found is None or _FEW in judged.reasons:
        needed = judged.min_samples
        return (
            f"{name} is not judged: {counted(judged.n, 'labeled row')}, "
            f"and {needed} {are(needed)} needed"
        )
    if judged.verdict == "insufficient":
        rows = counted(judged.n, "labeled row")
        return f"{name} and {other} cannot be told apart yet, on {rows}"
    label = METRICS[judged.metric].label
    return (
        f"{name} is {judged.verdict} than {other}: {label} {figure(found.shadow, 3)} against "
        f"{figure(found.production, 3)} on {counted(judged.n, 'house')}"
    )


def _needed(judged: Shadowed) -> float:
    return round(1 / (1 - judged.confidence), 6)


def _table(judged: Shadowed, found: Contest) -> Table:
    low, high = found.interval
    ends = [None if end is None else f"{end:.3g}" for end in (low, high)]
    row: list[Cell] = [
        judged.metric,
        judged.n,
        found.production,
        found.shadow,
        None if found.ratio is None else f"{found.ratio:.3f}",
        f"{ends[0] or 'any'} to {ends[1] or 'any'}",
        share(found.improved.value) if found.differing else None,
    ]
    sure = 100 * (2 * judged.confidence - 1)
    names = [judged.production.name, judged.version.name]
    columns = ["metric", "n", *names, "ratio", f"{sure:g} % sequence", "rows nearer"]
    return Table(columns, [row])


def _evidence_line(judged: Shadowed, found: Contest) -> str:
    text = (
        f"evidence that it is better: {_strength(found.better)}, worse: {_strength(found.worse)} "
        f"({_needed(judged):g} {are(2)} needed, at any look)"
    )
    if found.robust is not None and METRICS[judged.metric].power != 1:
        text += (
            f"\n  the sequence is of the ratio with large errors tempered, now {found.robust:.3f}"
        )
    return text


def _strength(e_value: float) -> str:
    return figure(e_value, 3) if e_value < _PLENTY else f"over {_PLENTY}"


def _rows_line(judged: Shadowed) -> str:
    left = judged.answers - judged.labeled
    lines = [
        f"shadow since {short_time(judged.since)}: {counted(judged.answers, 'answer')} of "
        f"{judged.production.name}, {left} without a real price"
    ]
    left_out = {
        "without a price of the shadow": judged.unpriced,
        "with a doubtful price": judged.doubtful,
        "later than another one of the same house": judged.repeated,
    }
    lines += [f"  left out: {n} {why}" for why, n in left_out.items() if n]
    if judged.others:
        lines.append(f"  answered by other versions than {judged.production.name}: {judged.others}")
    return "\n".join(lines)


def _warnings(judged: Shadowed) -> list[str]:
    found = []
    if judged.doubt:
        found.append(f"{judged.version.name}: {judged.doubt}: servers do not ask it")
    elif not judged.answers:
        found.append("no server asked it yet: is one running, with `serve.split` true?")
    elif judged.failed:
        rows = counted(judged.answers, "row")
        found.append(f"{judged.version.name} gave no price for {judged.failed} of {rows}")
    if judged.skipped:
        found.append(f"left out {counted(judged.skipped, 'broken line')} of the log")
    return found


def _command(judged: Shadowed) -> str:
    if judged.verdict == "better":
        return "promote shadow"
    if judged.verdict == "worse" or judged.doubt:
        why = "it fails" if _FAILURES in judged.reasons else f"worse than {judged.production.name}"
        why = "other features" if judged.doubt else why
        return f"promote --abort --to shadow --reason '{why}'"
    return "evaluate --shadow"


def _next(judged: Shadowed, carried: str) -> str:
    command = _command(judged)
    if command == "evaluate --shadow":
        return folded(f"next: wait for more labels, then housing {command}{carried}", "")
    return next_note(command + carried)
