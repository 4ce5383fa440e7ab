"""A client that predicts and labels without pause, and remembers what it was promised."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.conftest import FEATURES
from tests.system.processes import Server

NO_ANSWER = 0
"""The status of a request whose connection broke."""


@dataclass(frozen=True)
class Promise:
    """A prediction that was acknowledged: row number `number` at `price`, at epoch second `at`."""

    number: int
    price: float
    at: float


@dataclass
class Told:
    """What was answered since some moment: statuses of predictions, and reasons of refusals."""

    predictions: Counter[int] = field(default_factory=Counter)
    labels: Counter[int] = field(default_factory=Counter)
    reasons: set[str] = field(default_factory=set)


class Traffic:
    """One client in a thread of its own; each row has a number of its own as its first feature.

    promised: what the log must hold, by id. labels: real prices that were acknowledged, by id.
    lost_track: requests without a 200, of which a row may stand in the log all the same.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.promised: dict[str, Promise] = {}
        self.labels: dict[str, float] = {}
        self.lost_track = 0
        self.told = Told()
        self._number = 0
        self._may_go = threading.Event()
        self._may_go.set()
        self._waits = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the thread; nothing comes in after this."""
        self._may_go.set()
        self._stop.set()
        self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Send nothing meanwhile, and have nothing under way."""
        self._waits.clear()
        self._may_go.clear()
        assert self._waits.wait(25)
        try:
            yield
        finally:
            self._may_go.set()

    def since_now(self) -> Told:
        """Begin to count anew; return the count that begins."""
        self.told = Told()
        return self.told

    def go_on(self, more: int = 12, timeout: float = 20) -> float:
        """Wait for so many predictions and labels more; return the seconds to the first."""
        before, start = len(self.labels), time.monotonic()
        first = 0.0
        while len(self.labels) < before + more:
            assert time.monotonic() - start < timeout, f"{self.told} in {timeout} s"
            time.sleep(0.01)
            first = first or (time.monotonic() - start if len(self.labels) > before else 0.0)
        return first

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with httpx.Client(base_url=self.server.client.base_url, timeout=20) as client:
                    while not self._stop.is_set():
                        self._once(client)
            except httpx.TransportError:
                self.told.predictions[NO_ANSWER] += 1
                self.lost_track += 1
                time.sleep(0.02)

    def _once(self, client: httpx.Client) -> None:
        if not self._may_go.is_set():
            self._waits.set()
            self._may_go.wait()
        self._number += 1
        row: dict[str, float | None] = {**dict.fromkeys(FEATURES), FEATURES[0]: self._number}
        answer = client.post("/predict", json=row)
        self.told.predictions[answer.status_code] += 1
        if answer.status_code != httpx.codes.OK:
            self.lost_track += 1
            self._refused(answer)
            return
        made = answer.json()
        self.promised[made["id"]] = Promise(self._number, made["predicted_price"], time.time())
        real = self._number + 0.5
        answer = client.post("/feedback", json={"id": made["id"], "real_price": real})
        self.told.labels[answer.status_code] += 1
        if answer.status_code == httpx.codes.OK:
            self.labels[made["id"]] = real
        else:
            self._refused(answer)

    def _refused(self, answer: httpx.Response) -> None:
        self.told.reasons.add(answer.text)
        time.sleep(0.02)
