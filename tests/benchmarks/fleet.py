"""Clients that predict, send batches and label, and remember each answer with the fault of then."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.conftest import FEATURES
from tests.system.processes import Server

SINGLES, BATCHES, PER_BATCH = 4, 1, 100
LABEL_EVERY = 10
AFTER_KILL_S, AFTER_FAULT_S = 2.0, 10.0
"""So long a failure is put down to the kill, or to the end of the fault, before it."""
TIMEOUT_S = 20
GAP_S = 0.5
"""Shorter times without a 200 are not kept."""
REASON = 120
"""Characters of a reason that tell one from another."""


@dataclass
class Seen:
    """What all clients saw; numbers are the rows' first feature.

    promised: (number, price) by acknowledged id. labels: acknowledged real prices by id. doubtful:
    numbers of rows without an answer of 200, which may stand in the log or not. failures: answers
    and broken connections by (what went on, path, status, reason). gaps: begin and end of times
    without a 200 of predictions, in seconds since the start.
    """

    promised: dict[str, tuple[int, float]] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    failures: Counter[tuple[str, str, int, str]] = field(default_factory=Counter)
    gaps: list[tuple[float, float]] = field(default_factory=list)
    acknowledged_twice: int = 0


class Fleet:
    """Client threads; in place of `Traffic` where a fault needs `server` and `paused`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.seen = Seen()
        self.began = time.monotonic()
        self.fault = ""
        self._fault_ended = ("", -1e9)
        self._killed = -1e9
        self._number = self._active = 0
        self._last_ok = 0.0
        self._lock = threading.Lock()
        self._may_go, self._stop = threading.Event(), threading.Event()
        self._may_go.set()
        works = [self._single] * SINGLES + [self._batch] * BATCHES + [self._look]
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]

    def __enter__(self) -> Fleet:
        self._last_ok = self.now()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._may_go.set()
        for thread in self._threads:
            thread.join()

    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.began

    def begin(self, fault: str) -> None:
        """Put failures down to `fault` from now on."""
        self.fault = fault

    def end(self) -> None:
        """Put failures down to the end of the fault for a while."""
        self._fault_ended, self.fault = (f"after {self.fault}", self.now()), ""

    def killed(self) -> None:
        """Note that a worker was killed now."""
        self._killed = self.now()

    def going_on(self) -> str:
        """Return what a failure of this moment is put down to."""
        now = self.now()
        if self.fault:
            return self.fault
        if now - self._killed < AFTER_KILL_S:
            return "kill -9"
        name, ended = self._fault_ended
        return name if now - ended < AFTER_FAULT_S else "nothing"

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing meanwhile, and have nothing under way; the time counts as no gap."""
        self._may_go.clear()
        while self._active:
            time.sleep(0.01)
        try:
            yield
        finally:
            with self._lock:
                self._close_gap(self.now())
            self._may_go.set()

    def _close_gap(self, now: float) -> None:
        if now - self._last_ok > GAP_S:
            self.seen.gaps.append((self._last_ok, now))
        self._last_ok = now

    def _run(self, work: Any) -> None:
        url = self.server.client.base_url
        connection = http.client.HTTPConnection(str(url.host), url.port, timeout=TIMEOUT_S)
        turn = 0
        while not self._stop.is_set():
            self._may_go.wait()
            with self._lock:
                if not self._may_go.is_set():
                    continue
                self._active += 1
            try:
                turn += 1
                work(connection, turn)
            finally:
                with self._lock:
                    self._active -= 1
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, path: str, body: object = None) -> Any:
        """Return the body of a 200, None for all else, which is counted."""
        before = self.going_on()
        try:
            if body is None:
                connection.request("GET", path)
            else:
                head = {"content-type": "application/json"}
                connection.request("POST", path, json.dumps(body), head)
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            status, content = 0, type(error).__name__.encode()
        with self._lock:
            self.seen.answers[f"{path} {status}"] += 1
            if status == 200:
                if path.startswith("/predict"):
                    self._close_gap(self.now())
                return content if body is None else json.loads(content)
            cause = before if before != "nothing" else self.going_on()
            self.seen.failures[cause, path, status, _reason(content)] += 1
        time.sleep(0.02)
        return None

    def _rows(self, n: int) -> tuple[list[int], list[dict[str, float | None]]]:
        with self._lock:
            numbers = list(range(self._number + 1, self._number + 1 + n))
            self._number += n
        return numbers, [
            {**dict.fromkeys(FEATURES), FEATURES[0]: i, FEATURES[1]: i / 2} for i in numbers
        ]

    def _made(self, numbers: list[int], made: list[dict[str, Any]] | None) -> None:
        with self._lock:
            if made is None:
                self.seen.doubtful |= set(numbers)
                return
            for number, one in zip(numbers, made, strict=True):
                self.seen.acknowledged_twice += one["id"] in self.seen.promised
                self.seen.promised[one["id"]] = number, one["predicted_price"]

    def _single(self, connection: http.client.HTTPConnection, turn: int) -> None:
        numbers, rows = self._rows(1)
        made = self._ask(connection, "/predict", rows[0])
        self._made(numbers, None if made is None else [made])
        if made is None or turn % LABEL_EVERY:
            return
        real = numbers[0] + 0.5
        if self._ask(connection, "/feedback", {"id": made["id"], "real_price": real}):
            with self._lock:
                self.seen.labels[made["id"]] = real

    def _batch(self, connection: http.client.HTTPConnection, turn: int) -> None:
        numbers, rows = self._rows(PER_BATCH)
        made = self._ask(connection, "/predict/batch", {"rows": rows})
        self._made(numbers, None if made is None else made["predictions"])
        time.sleep(0.2)

    def _look(self, connection: http.client.HTTPConnection, turn: int) -> None:
        """Ask what must answer whatever the log does."""
        self._ask(connection, ("/healthz", "/metrics")[turn % 2])
        time.sleep(0.25)


def _reason(content: bytes) -> str:
    try:
        found = json.loads(content)["detail"]
    except (ValueError, KeyError, TypeError):
        found = content.decode(errors="replace")
    return re.sub(r" ?`[^`]*`", "", str(found))[:REASON]
