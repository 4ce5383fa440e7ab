"""Trials: versions that are tried on real traffic before they decide, as the history tells of them.

A trial is an alias and the events that moved it: which version, since when, and for a canary the
percent of the rows that it answers, which stands in the evidence of the event, since the file of an
alias is one line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from housing_cli.registry.metadata import Event
from housing_cli.registry.names import CANARY, SHADOW

TRIALS: Final = (SHADOW, CANARY)
WEIGHT: Final = "weight"
"""The key of an event's evidence that holds the weight."""
MOST: Final = 100.0


class Trial(Struct, frozen=True):
    """A version that is tried.

    alias: `shadow` or `canary`. since: when the alias came to name the version, as in `Event.when`.
    weight: percent of the rows that it answers, 0 for a shadow. event: which event of the history
    said so last; the first is 1.
    """

    alias: str
    version: str
    since: str
    weight: float
    event: int


def weight_of(event: Event) -> float:
    """Return the percent of the rows that an event gives to a canary; 0 where it says none."""
    weight = event.evidence.get(WEIGHT)
    if event.alias != CANARY or isinstance(weight, bool) or not isinstance(weight, int | float):
        return 0.0
    return float(weight) if math.isfinite(weight) and 0 < weight <= MOST else 0.0


def trial_of(events: Sequence[Event], alias: str, version: str) -> Trial | None:
    """Return the last trial of `version` that `events` tell of; `None` where they tell of none.

    Moves to other versions behind it are none of its own: the file of an alias, which names
    `version`, is written after the history. An end behind it is: what was given up is not tried
    again because its file was copied back, or never removed where the registry is copied to.
    """
    moves = [(at, event) for at, event in enumerate(events, start=1) if event.alias == alias]
    while moves and moves[-1][1].to != version:
        if moves.pop()[1].to is None:
            return None
    if not moves:
        return None
    number, last = moves[-1]
    since = last.when
    for _, event in reversed(moves):
        if event.to != version:
            break
        since = event.when
    return Trial(alias, version, since, weight_of(last), number)
