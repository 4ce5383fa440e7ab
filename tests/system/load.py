"""Requests over connections that are kept, from several threads: who answered, and what failed."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.api.serving import ROW

CONNECTIONS = 8
HEADER = "X-Housing-Route"
BODY = json.dumps(ROW).encode()


@dataclass(frozen=True)
class Answer:
    """When it came (monotonic seconds), whose it was, and which version answered; `status` 0: no
    answer came.
    """

    when: float
    key: str | None
    status: int
    version: str | None


class Client:
    """One connection, which is opened anew only after a failure."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, key: str | None) -> Answer:
        """Ask for a price. key: the header that routes it; `None`: without one."""
        headers = {"Content-Type": "application/json"} | ({HEADER: key} if key else {})
        try:
            self._connection.request("POST", "/predict", BODY, headers)
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Answer(time.monotonic(), key, 0, None)
        version = json.loads(body)["model_version"] if response.status == 200 else None
        return Answer(time.monotonic(), key, response.status, version)

    def close(self) -> None:
        self._connection.close()


def send(port: int, keys: Iterable[str | None]) -> list[Answer]:
    """Send one request a key and return the answers, in no order."""
    left = iter(keys)
    lock = threading.Lock()

    def following() -> Iterator[str | None]:
        while True:
            with lock:
                try:
                    key = next(left)
                except StopIteration:
                    return
            yield key

    def work() -> list[Answer]:
        client = Client(port)
        try:
            return [client.ask(key) for key in following()]
        finally:
            client.close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        futures = [pool.submit(work) for _ in range(CONNECTIONS)]
    return [answer for future in futures for answer in future.result()]


@dataclass
class Stream:
    """Requests that go on and on; `answers` grows."""

    answers: list[Answer] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def until(self, fact: Callable[[list[Answer]], bool], since: float, seconds: float) -> float:
        """Wait until `fact` holds of the answers that came after `since`; return when it did.

        Raises `AssertionError` where it does not within `seconds`.
        """
        while time.monotonic() < since + seconds:
            if fact([answer for answer in list(self.answers) if answer.when > since]):
                return time.monotonic()
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {self.answers[-5:]}")


@contextmanager
def streaming(port: int, keys: Iterable[str], connections: int = 2) -> Iterator[Stream]:
    """Send requests, key after key and from the start again, for the time of a `with` block."""
    stream = Stream()
    known = list(keys)

    def work(start: int) -> None:
        client = Client(port)
        for key in itertools.islice(itertools.cycle(known), start, None):
            if stream.over.is_set():
                break
            stream.answers.append(client.ask(key))
        client.close()

    threads = [threading.Thread(target=work, args=(n * 7,)) for n in range(connections)]
    for thread in threads:
        thread.start()
    try:
        yield stream
    finally:
        stream.over.set()
        for thread in threads:
            thread.join()
