"""All of the loop at one look: production, its verdict, log, server, last retraining.

It only reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Literal

from housing_cli.config import Settings
from housing_cli.errors import HousingError, VersionCorrupt
from housing_cli.loop.advice import advised
from housing_cli.loop.candidate import Candidate, waiting
from housing_cli.loop.evaluate import evaluate
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.promote import refusal
from housing_cli.loop.tried import TrialStatus, trials_of
from housing_cli.prediction_log import open_log
from housing_cli.registry import Event, Version, open_registry
from housing_cli.registry.store import PREVIOUS, PRODUCTION

Outcome = Literal["promoted", "waits", "refused"]

_TIMEOUT = 1.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - asked, not bound


@dataclass(frozen=True, slots=True)
class Log:
    """The log; writable: `None` where to find out would be to write; problem: why it is not so."""

    url: str
    readable: bool
    writable: bool | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers where `serve` would listen; ready, version: `None` where nobody of ours does."""

    address: str
    ready: bool | None
    version: str | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retraining:
    """The last retraining: its challenger, when it was made, by whom, and what became of it."""

    version: str
    when: str
    who: str
    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The loop now.

    name: of production, `None` where no version is. production: `None` also where it cannot be
    read. moved: the event that made it production. judged: its verdict with advice, `None` where
    `failed` says why there is none. previous: the version before, where production is broken.
    waiting: the newest version, where none is production; refused: why `promote` would refuse it.
    trials: what is tried beside production. candidate: what waits for a person.
    """

    name: str | None
    production: Version | None
    moved: Event | None
    judged: Evaluation | None
    failed: HousingError | None
    log: Log
    serving: Serving
    retrained: Retraining | None
    previous: str | None = None
    waiting: str | None = None
    refused: str = ""
    trials: tuple[TrialStatus, ...] = ()
    candidate: Candidate | None = None


def status(settings: Settings) -> Status:
    """Look at all of it. Raises what a registry raises that cannot be read."""
    registry = open_registry(settings)
    aliases, history = registry.aliases(), registry.history()
    name, production = aliases.get(PRODUCTION), None
    judged, failed = None, None
    try:
        production = registry.find(name) if name else None
        if production is not None:
            judged = advised(settings, evaluate(settings))
    except HousingError as error:
        failed = error
    newest = None
    if production is None and failed is None and (names := registry.names()):
        newest = registry.get(names[-1])
    gone = production is None and failed is None
    return Status(
        None if gone else name,
        production,
        None if gone else _moved(history, str(name)),
        judged,
        failed,
        _log(settings, readable=judged is not None),
        _serving(settings),
        _retrained(history),
        aliases.get(PREVIOUS) if isinstance(failed, VersionCorrupt) else None,
        None if newest is None else newest.name,
        "" if newest is None else refusal(settings, newest),
        trials_of(settings, registry),
        waiting(settings, registry),
    )


def _moved(history: Sequence[Event], name: str) -> Event | None:
    moves = [event for event in history if event.alias == PRODUCTION and event.to == name]
    return moves[-1] if moves else None


def _retrained(history: Sequence[Event]) -> Retraining | None:
    """Return the last retraining that the history tells of."""
    made = [one for one in history if one.event == "registered" and one.why == "retrain"]
    if not made:
        return None
    last, outcome, why = made[-1], "waits", ""
    for event in history:
        if event.to == last.to and event.event == "refused":
            outcome, why = "refused", event.why
        elif event.to == last.to and event.alias == PRODUCTION:
            outcome, why = "promoted", ""
    return Retraining(str(last.to), last.when, last.who, outcome, why)  # type: ignore[arg-type]


def _log(settings: Settings, *, readable: bool) -> Log:
    """Look at the log; readable: a judgment read it."""
    log = open_log(settings.log.url, settings.schema(), fsync=settings.log.fsync)
    try:
        if not readable:
            log.labeled(newest=1)
        if settings.log.url.startswith("csv:"):
            log.check()  # a database would be written to
    except HousingError as error:
        return Log(log.url, readable, False, error.message)
    finally:
        log.close()
    return Log(log.url, True, True if settings.log.url.startswith("csv:") else None)


def _serving(settings: Settings) -> Serving:
    """Ask the address that `serve` listens on in these settings, for a second at most."""
    host = _ANYWHERE.get(settings.serve.host, settings.serve.host)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{settings.serve.port}"
    connection = HTTPConnection(host, settings.serve.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        told: Any = json.loads(connection.getresponse().read(1 << 20))
        reasons = tuple(map(str, told["reasons"]))
        if told["reload_refused"]:
            reasons = (*reasons, str(told["reload_refused"]))
        return Serving(address, told["status"] == "ready", told["model_version"], reasons)
    except (OSError, HTTPException, ValueError, TypeError, KeyError):
        return Serving(address, None, None)
    finally:
        connection.close()
