from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.api.http import middleware
from housing_cli.api.http.middleware import (
    FREE_BYTES,
    Bounded,
    Identified,
    Observed,
    by,
    route_path,
)
from housing_cli.errors import UnknownPrediction
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW, make_settings
from tests.api.test_hostile import GOOD, JSON

MANY = 4 * FREE_BYTES


class Noted:
    """Stands where `Metrics` stands."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def answered(self, route: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.seen.append((route, status))


async def call(
    app: Any,
    *pieces: bytes,
    path: str = "/predict",
    headers: tuple[tuple[bytes, bytes], ...] = (),
    hangs: bool = False,
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Send one request, its body in pieces; return status, headers and body of the answer."""
    waiting = [
        {"type": "http.request", "body": piece, "more_body": hangs or n < len(pieces)}
        for n, piece in enumerate(pieces, 1)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        if hangs:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    await app(scope, receive, send)
    if not sent:
        return 0, {}, b""
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m["body"] for m in sent[1:])


async def echo(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    assert message["body"] == scope["housing.body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


def bounded(app: Any = echo, *, most: int = MANY, room: int = MANY, timeout: float = 5.0) -> Any:
    return Identified(Bounded(app, most, room, timeout), lambda: False)


def test_a_body_in_pieces_reaches_the_routes_whole() -> None:
    assert asyncio.run(call(bounded(), b"a", b"b", b"c"))[::2] == (200, b"abc")


def test_a_body_is_as_long_as_it_may_be_and_no_longer() -> None:
    app = bounded(most=3)
    assert asyncio.run(call(app, b"abc"))[0] == 200
    status, headers, body = asyncio.run(call(app, b"ab", b"cd"))
    assert (status, headers[b"connection"]) == (413, b"close")
    assert b"at most 3 bytes" in body
    assert asyncio.run(call(app, headers=((b"content-length", b"4"),), hangs=True))[0] == 413


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    status, _, body = asyncio.run(call(bounded(timeout=0.01), b"a", hangs=True))
    assert status == 408
    assert b"within 0.01 s" in body


def test_a_client_that_hangs_up_gets_no_answer_and_is_counted() -> None:
    noted: Any = Noted()
    app = Identified(Observed(Bounded(echo, 9, 9, 5.0), noted, access_log=False), lambda: False)
    assert asyncio.run(call(app))[0] == 0
    assert noted.seen == [("/predict", 499)]


@pytest.mark.parametrize("said", [True, False])
def test_a_large_body_finds_room_or_is_refused_before_it_is_read(said: bool) -> None:
    large = b"x" * (2 * FREE_BYTES)

    async def story() -> None:
        go = asyncio.Event()

        async def held(scope: Any, receive: Any, send: Any) -> None:
            await go.wait()
            await echo(scope, receive, send)

        app = bounded(held, room=3 * FREE_BYTES)
        length = ((b"content-length", b"%d" % len(large)),) if said else ()
        first = asyncio.create_task(call(app, large, headers=length))
        await asyncio.sleep(0)
        status, headers, body = await call(app, large, headers=length)
        assert (status, headers[b"retry-after"], headers[b"connection"]) == (503, b"1", b"close")
        assert b"too many large bodies" in body
        small = asyncio.create_task(call(app, b"x" * FREE_BYTES))  # needs no room
        go.set()
        assert (await first)[0] == (await small)[0] == 200
        assert (await call(app, large, headers=length))[0] == 200  # the room is free again

    asyncio.run(story())


def test_what_was_refused_gives_its_room_back() -> None:
    async def story() -> None:
        app = bounded(most=9 * FREE_BYTES, room=2 * FREE_BYTES)
        piece = b"x" * FREE_BYTES
        for _ in range(3):
            assert (await call(app, piece, piece, piece))[0] == 503
            assert (await call(app, piece, piece))[0] == 200

    asyncio.run(story())


def test_a_bug_is_a_500_that_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def bug(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret")

    noted: Any = Noted()
    app = Identified(Observed(bug, noted, access_log=False), lambda: True)
    status, headers, body = asyncio.run(call(app, path="/elsewhere"))
    assert (status, json.loads(body)) == (500, {"detail": "Internal Server Error"})
    assert headers[b"connection"] == b"close"
    assert noted.seen == [("other", 500)]


def test_ids_are_kept_where_they_are_sane_and_made_where_not() -> None:
    app = bounded()
    ids = []
    for given in (b"a-1", b"", b"two words", b"x" * 129):
        _, headers, _ = asyncio.run(call(app, b"", headers=((b"x-request-id", given),)))
        ids.append(headers[b"x-request-id"])
    assert ids[0] == b"a-1"
    assert len(set(ids)) == 4
    assert not set(ids[1:]) & {b"", b"two words", b"x" * 129}


def test_a_header_of_the_route_is_kept() -> None:
    async def own(scope: Any, receive: Any, send: Any) -> None:
        fields = [(b"cache-control", b"max-age=9")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b""})

    _, headers, _ = asyncio.run(call(Identified(own, lambda: False)))
    assert headers[b"cache-control"] == b"max-age=9"
    assert dict(middleware.SECURITY_HEADERS).keys() <= headers.keys()


@pytest.mark.parametrize(
    ("path", "root", "known"),
    [
        ("/predict", "", "/predict"),
        ("/api/predict", "/api", "/predict"),
        ("/api", "/api", ""),
        ("/apipredict", "/api", "/apipredict"),
        ("/predict", "/api", "/predict"),
        ("/api/api/predict", "/api", "/api/predict"),
    ],
)
def test_a_path_is_known_without_the_prefix_of_a_proxy(path: str, root: str, known: str) -> None:
    scope: dict[str, Any] = {"path": path, "root_path": root}
    assert route_path(scope) == known
    if not root:
        assert route_path({"path": path}) == known


def test_request_ids_are_kept_when_sane_and_made_otherwise(client: TestClient) -> None:
    for path in ("/predict", "/feedback"):
        kept = client.post(path, json=ROW, headers={"x-request-id": "order-7/a.b"})
        assert kept.headers["x-request-id"] == "order-7/a.b"
    kept = client.get("/healthz", headers={"x-request-id": "probe"})
    assert kept.headers["x-request-id"] == "probe"
    for strange in ("x" * 200, "a b", "", '"><script>'):
        made = client.post("/predict", json=ROW, headers={"x-request-id": strange})
        assert made.headers["x-request-id"] not in ("", strange)
    two = [client.post("/predict", json=ROW).headers["x-request-id"] for _ in range(2)]
    assert two[0] != two[1]


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/version", "/nothing"])
def test_answers_carry_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert client.post("/predict", json=ROW).headers["x-content-type-options"] == "nosniff"


def test_a_body_over_the_limit_is_413_by_its_length(
    serve: Callable[..., TestClient], registry: object
) -> None:
    client = serve(api={"max_body_bytes": 1000})
    for path in ("/predict", "/predict/batch", "/feedback"):
        answer = client.post(path, content=b" " * 1001, headers=JSON)
        assert answer.status_code == 413
        assert "1000 bytes" in answer.json()["detail"]
    assert client.post("/predict", content=GOOD.ljust(1000), headers=JSON).status_code == 200


def test_a_streamed_body_over_the_limit_is_413_early(
    serve: Callable[..., TestClient], registry: object
) -> None:
    client = serve(api={"max_body_bytes": 1000})
    answer = client.post("/predict", content=(b" " * 100 for _ in range(1000)), headers=JSON)
    assert answer.status_code == 413


@pytest.fixture
def mounted(registry: ModelRegistry, tmp_path: Path) -> Callable[[bool], TestClient]:
    def make(by_proxy: bool) -> TestClient:
        inner = create_app(
            make_settings(tmp_path, api={"keys": ["secret"], "max_body_bytes": 1000})
        )
        if by_proxy:  # as `uvicorn --root-path /api` does: the path comes whole
            return TestClient(inner, root_path="/api", base_url="http://testserver/api")
        outer = FastAPI()
        outer.mount("/api", inner)
        return TestClient(outer, base_url="http://testserver/api")

    return make


@pytest.mark.parametrize("by_proxy", [True, False])
def test_a_prefix_of_the_path_opens_no_door(
    mounted: Callable[[bool], TestClient], by_proxy: bool
) -> None:
    client = mounted(by_proxy)
    assert client.post("/predict", json=ROW).status_code == 401
    assert client.post("/predict/batch", json={"rows": [ROW]}).status_code == 401
    key = {"x-api-key": "secret"}
    assert client.post("/predict", json=ROW, headers=key).status_code == 200
    assert client.post("/predict", content=b" " * 1001, headers=key | JSON).status_code == 413
    assert client.post("/predict", json={}, headers=key).status_code == 422
    text = client.get("/metrics").text
    assert 'housing_predictions_total{outcome="invalid"' in text


def test_what_is_there_already_needs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def there() -> int:
        return 7

    async def ask() -> int:
        monkeypatch.delattr(asyncio, "timeout_at")
        return await by(0.0, there())  # long past

    assert asyncio.run(ask()) == 7


def test_what_has_to_be_waited_for_goes_on_where_it_was() -> None:
    async def later() -> list[int]:
        found = []
        for step in range(3):
            await asyncio.sleep(0.001)
            try:
                await asyncio.wait_for(asyncio.sleep(1), 0.001)
            except TimeoutError:
                found.append(step)
        return found

    async def ask() -> list[int]:
        return await by(asyncio.get_running_loop().time() + 60, later())

    assert asyncio.run(ask()) == [0, 1, 2]


def test_what_is_late_is_told_so_and_a_cancelled_wait_ends() -> None:
    ended = []

    async def never() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("never")

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            await by(loop.time() + 0.01, never())
        task = asyncio.ensure_future(by(loop.time() + 60, never()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert ended == ["never", "never"]


def test_what_was_read_and_then_refused_is_not_read_on() -> None:
    """Of a connection that is kept the next request would wait for it."""

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        assert scope["housing.body"] == b"{}"
        raise UnknownPrediction("no prediction has this id")

    async def receive() -> Any:
        asked.append(True)
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asked: list[bool] = []
    sent: list[Any] = []
    scope = {"type": "http", "method": "POST", "housing.path": "/feedback", "housing.headers": {}}
    asyncio.run(Bounded(refuse, 1000, 1000, 1.0)(scope, receive, send))
    assert len(asked) == 1
    assert sent[0]["status"] == 404
    assert not sent[-1].get("more_body", False)
