"""What `housing promote` says of an alias that moved, or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.registry.names import CANARY, SHADOW
from housing_cli.show.advice import next_note
from housing_cli.show.result import Result

if TYPE_CHECKING:
    from housing_cli.loop.promotion import Promotion
    from housing_cli.registry import Event

NEXT = {SHADOW: "evaluate --shadow", CANARY: "evaluate --canary"}


def promoted(moved: Promotion, carried: str = "") -> Result:
    """Return where an alias points now, and where it pointed before.

    carried: options that the next command needs as well.
    """
    name = moved.version.name
    ended = [f"`{alias}` ended: {name} is production" for alias in moved.ended]
    data = {
        "version": name,
        "alias": moved.alias,
        "from": moved.replaced,
        "to": name,
        "changed": moved.event is not None,
    }
    return Result(
        "promote",
        {
            **data,
            "weight": moved.weight if moved.alias == CANARY else None,
            "ended": list(moved.ended),
            "evidence": dict(moved.event.evidence) if moved.event else {},
        },
        show=[moved_words(moved), *ended],
        notes=_notes(moved, carried),
        outputs={key: value for key, value in data.items() if key != "to"},
    )


def moved_words(moved: Promotion) -> str:
    """Return where an alias points, and where it pointed before."""
    name = moved.version.name
    weight = f", {moved.weight:g}% of the rows" if moved.alias == CANARY else ""
    was = f" (was {moved.replaced})" if moved.replaced not in {None, name} else ""
    already = "" if moved.event else " already"
    return f"{moved.alias} is {name}{was}{already}{weight}"


def aborted(event: Event) -> Result:
    """Return which alias there is no more."""
    data = {"version": event.from_, "alias": event.alias, "from": event.from_, "changed": True}
    return Result(
        "promote",
        {
            **data,
            "to": None,
            "weight": None,
            "ended": [event.alias],
            "evidence": dict(event.evidence),
        },
        show=[f"{event.alias} ended{f': {event.from_} was given up' if event.from_ else ''}"],
        outputs=data,
    )


def _notes(moved: Promotion, carried: str) -> list[str]:
    if moved.doubt:
        return [f"{moved.version.name}: {moved.doubt}"]
    return [next_note(NEXT[moved.alias] + carried)] if moved.alias in NEXT else []
