"""What the server knows by itself: versions, history, newest rows, counters."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.dashboard import live
from housing_cli.api.dashboard.live import Live, LiveReader
from housing_cli.errors import LogUnavailable
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, add_version


def read(client: TestClient) -> Live:
    """Read all of it now, as a page does."""
    reader: LiveReader = client.app.state.dashboard.live  # type: ignore[attr-defined]
    return client.portal.call(lambda: reader.look(now=True))  # type: ignore[union-attr]


def test_rows_versions_and_history(page: TestClient, registry: ModelRegistry) -> None:
    asked = [page.post("/predict", json={**ROW, "RM": 5 + k}).json() for k in range(20)]
    page.post("/feedback", json={"id": asked[-1]["id"], "real_price": 33.0})
    add_version(registry, 1, tag="second", promote=False)
    found = read(page)
    assert [one.id for one in found.predictions] == [a["id"] for a in asked[:4:-1]]
    newest = found.predictions[0]
    assert (newest.real, newest.version) == (33.0, "v1")
    assert newest.price == pytest.approx(asked[-1]["predicted_price"])
    assert found.points == [(33.0, pytest.approx(newest.price))]
    assert [(one.name, one.tag, one.aliases) for one in found.versions] == [
        ("v2", "second", ()), ("v1", "first", ("production",)),
    ]  # fmt: skip
    assert (found.production, found.n_versions) == ("v1", 2)
    assert [name for _, name in found.moves] == ["v1"]
    assert found.events[0].to == "v2"
    assert (found.totals["predicted"], found.totals["labeled"]) == (20, 1)
    assert found.problems == {}


def test_intervals_are_those_of_answers(page: TestClient) -> None:
    answer = page.post("/predict", json=ROW).json()
    (line,) = read(page).predictions
    assert list(line.interval or ()) == answer.get("interval", [])


def test_it_is_read_at_most_every_two_seconds(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader: LiveReader = page.app.state.dashboard.live  # type: ignore[attr-defined]
    read(page)
    page.post("/predict", json=ROW)
    again = page.portal.call(reader.look)  # type: ignore[union-attr]
    assert again.predictions == []
    monkeypatch.setattr(live, "KEPT", 0.0)
    monkeypatch.setattr(live, "REST", 0)
    assert len(page.portal.call(reader.look).predictions) == 1  # type: ignore[union-attr]


def test_a_log_that_is_slow_to_read_is_read_less_often(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[float] = []
    monkeypatch.setattr(live, "KEPT", 0.0)
    reader: LiveReader = page.app.state.dashboard.live  # type: ignore[attr-defined]

    def slowly() -> dict[str, object]:
        reads.append(0.0)
        time.sleep(0.5)
        return {}

    monkeypatch.setattr(reader, "_of_log", slowly)
    for _ in range(5):
        page.portal.call(reader.look)  # type: ignore[union-attr]
    assert len(reads) == 1
    read(page)  # who changed something sees it
    assert len(reads) == 2


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(
    page: TestClient, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise LogUnavailable("the disk is gone", "mend it")

    reader: LiveReader = page.app.state.dashboard.live  # type: ignore[attr-defined]
    monkeypatch.setattr(reader, "_of_log", fails)
    found = read(page)
    assert found.problems == {"log": "the disk is gone"}
    assert [one.name for one in found.versions] == ["v1"]


def test_a_broken_version_does_not_hide_the_others(
    page: TestClient, registry: ModelRegistry
) -> None:
    add_version(registry, 1, promote=False)
    (registry.root / "versions/v2/metadata.json").write_text("{")
    found = read(page)
    assert [bool(one.problem) for one in found.versions] == [True, False]


def test_a_log_that_hangs_is_not_waited_for(
    page: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    monkeypatch.setattr(live, "PATIENCE", 0.1)
    reader: LiveReader = page.app.state.dashboard.live  # type: ignore[attr-defined]
    monkeypatch.setattr(reader, "_of_log", lambda: go.wait() and {})
    assert "did not answer" in read(page).problems["log"]
    assert page.get("/").status_code == 200
    go.set()


def test_a_prediction_is_found_by_its_id(page: TestClient) -> None:
    asked = page.post("/predict", json={**ROW, "ZN": None}).json()["id"]
    reader: LiveReader = page.app.state.dashboard.live  # type: ignore[attr-defined]
    found: Any = page.portal.call(reader.find, asked)  # type: ignore[union-attr]
    version, row = found
    assert (version, row[1], row[5]) == ("v1", None, pytest.approx(6.575))
    assert page.portal.call(reader.find, "x") is None  # type: ignore[union-attr]


def test_two_readers_wait_for_each_other(page: TestClient) -> None:
    reader: LiveReader = page.app.state.dashboard.live  # type: ignore[attr-defined]

    async def both() -> tuple[Live, Live]:
        return await asyncio.gather(reader.look(now=True), reader.look(now=True))

    one, other = page.portal.call(both)  # type: ignore[union-attr]
    assert one is other
