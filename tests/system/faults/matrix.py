"""Every fault that a log can meet, on every back end.

Each cell says what clients get while the fault lasts, what `/readyz` says, that the server recovers
alone, and that the log holds what was acknowledged: each row once, as it was answered, at its time.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from tests.system.faults.places import PLACES, During, Held, Place, held
from tests.system.faults.traffic import Promise, Traffic

FAULTS = (
    "killed",
    "full",
    "read_only",
    "revoked",
    "frozen",
    "restarted",
    "failed_over",
    "clock_ahead",
    "clock_behind",
    "moved",
    "truncated",
    "resaved",
)
OF_ONE_KIND = {"postgresql": ("flows_lost",)}
NOTICED_S = 6.0
"""So soon `/readyz` says what requests meet."""
RECOVERED_S = 10.0
"""So soon after the end of a fault predictions and labels are taken again."""
LONG_S = 1.0
"""What a fault lasts at least."""
SETTLED_S = 0.5
"""So long around the moment of a change either may be true."""
NEAR_S = 60.0
"""A row's time is so near to when it was answered."""


def faults(kind: str) -> tuple[str, ...]:
    """Return what can happen to a log of this kind."""
    return (*FAULTS, *OF_ONE_KIND.get(kind, ()))


def check_cell(kind: str, fault: str, folder: Path) -> None:
    """Let one fault happen to a log of this kind, beside a registry in `folder`."""
    with ExitStack() as stack:
        place = PLACES[kind](folder, stack)
        place.prepare(fault)
        _check(place, fault)


def wait_for_ready(traffic: Traffic, status: int) -> None:
    """Wait until `/readyz` answers with `status`."""
    server = traffic.server
    server.wait_for(lambda: server.client.get("/readyz").status_code == status, NOTICED_S)


def _check(place: Place, fault: str) -> None:
    with place.serving() as server, Traffic(server) as traffic:
        with getattr(place, fault)(traffic) as during:
            begun, before = time.time(), set(traffic.promised)
            told = traffic.since_now()
            wait_for_ready(traffic, during.ready)
            time.sleep(LONG_S)
            while not told.predictions:
                time.sleep(0.1)
            wait_for_ready(traffic, during.ready)  # still: a busy machine may be late once
            assert set(told.predictions) <= during.answers, told
            # A probe never says yes where the operation says no.
            assert (503 in told.predictions) == (during.ready == 503) or 503 in during.answers
            lasted = begun, time.time()
        assert traffic.go_on(timeout=RECOVERED_S + 5) <= RECOVERED_S
        traffic.server.wait_until_ready(RECOVERED_S)
        time.sleep(SETTLED_S)
        traffic.go_on()
        traffic.stop()
        if during.skew:
            output = traffic.server.output
            traffic.server.wait_for(lambda: "clock_stepped_back" in "".join(output), NOTICED_S)
        assert traffic.server.stop() == 0
        assert "Traceback" not in "".join(traffic.server.output)
    assert_kept(place, traffic, during, before, lasted)


def assert_kept(
    place: Place,
    traffic: Traffic,
    during: During,
    before: set[str],
    lasted: tuple[float, float],
) -> None:
    """Check that each promise stands in the log once, as it was made."""
    found = held(place.owner_url)
    assert found.rows == len(found.made)
    parts = [(found, traffic.promised)]
    if during.archive is not None:
        archive = held(during.archive)
        assert not archive.made.keys() & found.made.keys()
        parts = [
            (archive, {key: one for key, one in traffic.promised.items() if key in before}),
            (found, {key: one for key, one in traffic.promised.items() if key not in before}),
        ]
    for part, promised in parts:
        lost = assert_as_promised(part, promised, traffic.labels, lasted, during.skew)
        assert len(lost) <= during.lost
    rows = sum(part.rows for part, _ in parts)
    assert rows <= len(traffic.promised) + traffic.lost_track


def assert_as_promised(
    part: Held,
    promised: dict[str, Promise],
    labels: dict[str, float],
    lasted: tuple[float, float],
    skew: float,
) -> set[str]:
    """Check the rows of a log; return which promises it does not hold."""
    lost = promised.keys() - part.made.keys()
    for key in promised.keys() - lost:
        promise = promised[key]
        assert part.made[key] == (promise.number, promise.price)
        assert part.labels.get(key) == labels.get(key) or key not in labels
        if lasted[0] + SETTLED_S <= promise.at <= lasted[1]:
            assert abs(part.at[key] - promise.at - skew) < NEAR_S
        if not lasted[0] - SETTLED_S <= promise.at <= lasted[1] + SETTLED_S:
            assert abs(part.at[key] - promise.at) < NEAR_S
            assert key in part.last_hour
    return lost
