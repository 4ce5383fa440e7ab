"""Plan: several changes to the registry as one, and what of it is carried out after a crash.

A plan in the journal is a file, and whoever may write a file there may have planted it. So it is
taken for what this program writes, and for nothing else: versions are published or removed, aliases
are pointed, and the lines that tell of just that go to the end of the history that is there. No
part of a plan is used as a path.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from msgspec import Struct

from housing_cli.errors import HousingError, RegistryError
from housing_cli.registry.digests import GENESIS, line_hash
from housing_cli.registry.history import parse_history, replay
from housing_cli.registry.metadata import Event
from housing_cli.registry.minisign import parse_signature
from housing_cli.registry.names import PASSING, is_version, may_be_alias

_PUBLISHED = re.compile(r"versions/\.building-(v[1-9][0-9]*) versions/(v[1-9][0-9]*)")
_REMOVED = re.compile(r"versions/(v[1-9][0-9]*) versions/\.removed-(v[1-9][0-9]*)")


class Plan(Struct, frozen=True):
    """Directories to rename, lines to add to the history at byte `history_size`, aliases to set.

    statements: of some of these aliases, who signs that they name what they will. ended: aliases to
    remove.
    """

    renames: list[tuple[str, str]] = []
    history_size: int = 0
    lines: list[str] = []
    aliases: dict[str, str] = {}
    statements: dict[str, str] = {}
    ended: list[str] = []


def parse_plan(raw: bytes, history: bytes, journal: Path) -> Plan:
    """Return the plan in `raw`, what the file `journal` holds.

    history: all bytes of the history as it is. Raises `RegistryError`, which names the journal,
    where this is no plan of ours for that history.
    """
    try:
        plan = msgspec.json.decode(raw, type=Plan)
        wrong = _wrong(plan, history, journal)
    except (ValueError, RecursionError, HousingError) as error:
        raise RegistryError(
            f"`{journal}` was damaged after it was written",
            "remove it, then see with `housing registry verify` what is missing",
        ) from error
    if wrong:
        raise RegistryError(
            f"`{journal}` is no plan that `housing` wrote for this registry: {wrong}",
            "find out who put it there; remove it, then see with `housing registry verify` "
            "whether anything else was changed",
        )
    return plan


def _wrong(plan: Plan, history: bytes, journal: Path) -> str:
    """Return in what `plan` is none of ours, or nothing."""
    # Names first: what follows quotes none of them.
    if wrong := _wrong_names(plan):
        return wrong
    for statement in plan.statements.values():
        parse_signature(statement)
    events = parse_history("\n".join(plan.lines).encode(), journal)
    told = replay(events)
    changed = (dict(plan.renames), plan.aliases, frozenset(plan.ended))
    if changed != (_renames(events), told.aliases, told.ended):
        return "it changes something that its lines of history do not tell of"
    return _does_not_follow(plan, events, history)


def _wrong_names(plan: Plan) -> str:
    """Return what is named in `plan` that none of ours would name, or nothing."""
    for pair in plan.renames:
        found = _PUBLISHED.fullmatch(" ".join(pair)) or _REMOVED.fullmatch(" ".join(pair))
        if found is None or found[1] != found[2]:
            return "it renames something that is no version"
    for alias, version in plan.aliases.items():
        if not may_be_alias(alias) or not is_version(version):
            return "it points something that is no alias, or at something that is no version"
    if not set(plan.ended) <= set(PASSING):
        return "it removes an alias that does not end"
    if any("\n" in line or "\r" in line for line in plan.lines):
        return "a line of history in it is not one line"
    if not plan.statements.keys() <= plan.aliases.keys():
        return "it signs an alias that it does not point"
    return ""


def _renames(events: list[Event]) -> dict[str, str]:
    """Return what has to be renamed where `events` happen."""
    published = {
        f"versions/.building-{e.to}": f"versions/{e.to}" for e in events if e.event == "registered"
    }
    removed = {
        f"versions/{e.from_}": f"versions/.removed-{e.from_}"
        for e in events
        if e.event == "removed"
    }
    return published | removed


def _does_not_follow(plan: Plan, events: list[Event], history: bytes) -> str:
    """Return why the lines of `plan` are not the next of `history`, or nothing."""
    size = plan.history_size
    before = history[: max(size, 0)]
    if size < 0 or len(before) < size or (before and not before.endswith(b"\n")):
        return "the history does not end where it says"
    # What a crash left of the lines; a line without its end is what it had no time for.
    begun = history[size : history.rfind(b"\n") + 1]
    if not "".join(f"{line}\n" for line in plan.lines).encode().startswith(begun):
        return "the history holds other lines already"
    lines = before.splitlines()
    previous = line_hash(lines[-1]) if lines else GENESIS
    for event, line in zip(events, plan.lines, strict=True):
        if event.prev != previous:
            return "its lines do not follow those of the history"
        previous = line_hash(line.encode())
    return ""
