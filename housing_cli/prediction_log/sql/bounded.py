"""BoundedConnection: a connection to PostgreSQL that waits for no answer longer than `SILENCE_S`.

A flow that a firewall forgot, or a server that is stopped, says nothing: the kernel sees a healthy
connection, and limits that the server keeps do not come to an end.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, Never, TypeVar

import psycopg
import sqlalchemy as sa

RV = TypeVar("RV")

SILENCE_S = 4.0
"""Longer than the server lets a statement run, so that one that is slow is ended by the server."""
_READ_ONLY = psycopg.errors.ReadOnlySqlTransaction.sqlstate


class BoundedConnection(psycopg.Connection[Any]):
    """Closes itself and raises `OperationalError` when the server says nothing for `SILENCE_S`.

    For connections whose statements are short; a long question is silent as well.
    """

    def wait(self, gen: Generator[Any, Any, RV], *arguments: Any, **named: Any) -> RV:
        """Wait for one answer, or for room to send more. Raises `psycopg.OperationalError`."""
        return super().wait(self._bounded(gen), *arguments, **named)

    def _bounded(self, gen: Generator[Any, Any, RV]) -> Generator[Any, Any, RV]:
        """Yield what `gen` waits for; psycopg asks again at least ten times a second."""
        try:
            waits_for = next(gen)
            deadline = time.monotonic() + SILENCE_S
            while True:
                ready = yield waits_for
                if ready:
                    deadline = time.monotonic() + SILENCE_S
                elif time.monotonic() > deadline:
                    self._give_up()
                waits_for = gen.send(ready)
        except StopIteration as end:
            value: RV = end.value
            return value

    def _give_up(self) -> Never:
        self.close()
        raise psycopg.OperationalError(f"the server did not answer within {SILENCE_S:g} s")


def is_lost(error: Exception) -> bool:
    """Return whether the connection broke, or leads to a server that takes no rows any more."""
    reason = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(reason, psycopg.Error):
        return False
    state = reason.sqlstate
    if state is None:
        return isinstance(reason, psycopg.OperationalError)
    return state == _READ_ONLY or state.startswith(("08", "57P"))
