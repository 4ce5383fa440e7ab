"""What is said of what to do next: since when, which rows, which other version, the one command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.show.result import Cell, Table
from housing_cli.words import counted, figure, folded, in_one_line, share, short_time

if TYPE_CHECKING:
    from housing_cli.loop.advice import Advice, Next, Since, WorstRow
    from housing_cli.loop.evaluation import Evaluation
    from housing_cli.loop.rivals import Rival

MOST_SHOWN = 3
KEYS = ("next", "since", "worst_rows", "other_versions", "better_version")


def next_note(command: str, why: str = "") -> str:
    """Return the note that names the one command; why: said below it."""
    return f"next: housing {command}" + (f"\n{folded(why, '  ')}" if why else "")


def command_of(notes: Sequence[str]) -> str | None:
    """Return the command that the last of these notes names after `next:`, where it names one."""
    last = notes[-1].splitlines()[0] if notes else ""
    return last.removeprefix("next: ") if last.startswith("next: housing ") else None


def advice_notes(advice: Advice | None, carried: str) -> list[str]:
    """Return what to do, for people; carried: options that its command needs as well."""
    if advice is None or advice.next.action == "none":
        return []
    found = advice.next
    if found.action == "wait":
        labels = "more labels" if found.labels is None else counted(found.labels, "more label")
        said = f"next: wait for {labels}, then housing {found.command}{carried}"
        told = [
            said,
            *(folded(text, "  ") for text in (found.why, typed(found.hint, carried)) if text),
        ]
        return ["\n".join(told)]
    if found.command is None:
        said = folded(f"a retraining would fail: {found.why}", "warning: ")
        return [f"{said}\n{folded(found.hint, '  ')}" if found.hint else said]
    return [next_note(found.command + carried, found.why)]


def next_payload(found: Next, carried: str) -> dict[str, Any]:
    """Return what to do as `--json` has it; the command as one types it."""
    command = found.command and f"housing {found.command}{carried}"
    return {**asdict(found), "command": command, "hint": typed(found.hint, carried)}


def typed(hint: str, carried: str) -> str:
    """Return a hint; its command with the options that it needs, as one types it."""
    return re.sub(r"`(housing promote \w+)`", lambda one: f"`{one[1]}{carried}`", hint)


def advice_payload(advice: Advice | None, carried: str) -> dict[str, Any]:
    """Return the keys of `--json`."""
    if advice is None:
        return {**dict.fromkeys(KEYS), "worst_rows": [], "other_versions": []}
    return {
        "next": next_payload(advice.next, carried),
        "since": advice.since and {**asdict(advice.since), "at": iso(advice.since.at)},
        "worst_rows": [{**asdict(row), "time": iso(row.time)} for row in advice.worst_rows],
        "other_versions": [_rival(rival) for rival in advice.rivals],
        "better_version": advice.better and advice.better.version.name,
    }


def _rival(rival: Rival) -> dict[str, Any]:
    return {
        "version": rival.version.name,
        "aliases": list(rival.aliases),
        "n": rival.n,
        "baseline": rival.baseline,
        "current": rival.compared.replayed,
        "judged": rival.compared.answered,
        "ratio": rival.ratio,
        "nearer": rival.compared.better.value,
        "healthy": rival.healthy,
        "better": rival.better,
    }


def since_line(since: Since, metric: str) -> str:
    """Return since when, and what the metric was before and is after, as a sentence."""
    return f"since {since_words(since, metric)}"


def since_words(since: Since, metric: str) -> str:
    """Return what `since_line` does, without its first word."""
    when = iso(since.at)
    said = when[:10] if since.by_day else short_time(when)
    label = METRICS[metric].label
    after = f"{counted(since.n, 'label')}, {label} {figure(since.after, 3)}"
    if since.before is None:
        return f"{said} or before: {after}"
    return f"{said}: {after}, {figure(since.before, 3)} before"


def advice_blocks(judged: Evaluation) -> list[str | Table]:
    """Return what people see of a degraded version: since when, worst rows, other versions."""
    advice, metric = judged.advice, judged.verdict.metric
    if advice is None:
        return []
    found: list[str | Table] = []
    if advice.since is not None:
        found.append(since_line(advice.since, metric))
    if advice.worst_rows:
        columns = ["id", "time", "predicted", "real", "error"]
        title = "worst rows" + (
            f" ({len(advice.worst_rows)} in `--json` and `--report`)"
            if len(advice.worst_rows) > MOST_SHOWN
            else ""
        )
        rows = worst_rows(advice.worst_rows[:MOST_SHOWN])
        found.append(Table(columns, [[r[0], str(r[1])[5:], *r[2:]] for r in rows], title))
    if advice.rivals:
        found.append(
            Table(rival_columns(judged), rival_rows(advice.rivals), "other versions, same rows")
        )
    return found


def worst_rows(rows: tuple[WorstRow, ...]) -> list[list[Cell]]:
    """Return id, time, predicted and real price and error of each."""
    return [[row.id, short_time(iso(row.time)), row.predicted, row.real, row.error] for row in rows]


def rival_columns(judged: Evaluation) -> list[str]:
    """Return the columns of `rival_rows`."""
    label = METRICS[judged.verdict.metric].label
    return ["version", "n", f"{judged.version.name} {label}", f"its {label}", "ratio", "nearer", ""]


def rival_rows(rivals: tuple[Rival, ...]) -> list[list[Cell]]:
    """Return how each other version does on the same rows."""
    return [
        [
            one.version.name, one.n, one.compared.answered, one.compared.replayed, one.ratio,
            share(one.compared.better.value),
            "healthy, better" if one.better else "healthy" if one.healthy else None,
        ]
        for one in rivals
    ]  # fmt: skip


def next_sentence(advice: Advice | None, carried: str = "") -> str:
    """Return what to do in one line, nothing where there is nothing to do."""
    return in_one_line("\n".join(advice_notes(advice, carried)))


def iso(seconds: float) -> str:
    """Return epoch seconds as ISO 8601 in UTC, as logs have it."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
