"""The loop at one look: what is found, and that nothing is written."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from housing_cli.config import Settings
from housing_cli.errors import GateRefused, LogError, VersionCorrupt
from housing_cli.loop.promote import promote, rollback
from housing_cli.loop.status import Serving, Status, status
from housing_cli.loop.train import train
from tests.in_process import Loop, shuffled

RIDGE = ("model.regressor=Ridge", "train.repeats=1")
ROWS = shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, shuffled(0)[:300], RIDGE)


def at(settings: Settings, port: int) -> Settings:
    serve = msgspec.structs.replace(settings.serve, port=port, host="0.0.0.0")
    return msgspec.structs.replace(settings, serve=serve)


def look(loop: Loop) -> Status:
    return status(at(loop.settings(), 1))


def test_all_of_it_is_found_and_nothing_is_written(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    before = {str(p): p.stat().st_mtime_ns for p in loop.folder.rglob("*") if p.is_file()}
    found = look(loop)
    assert found.production is not None and found.production.name == "v1"
    assert found.moved is not None and found.moved.why == "train"
    assert found.judged is not None and found.judged.advice is not None
    assert found.judged.verdict.verdict == "degraded"
    assert (found.log.readable, found.log.writable, found.failed) == (True, True, None)
    assert found.serving == Serving("http://127.0.0.1:1", None, None)
    assert found.retrained is None
    assert before == {str(p): p.stat().st_mtime_ns for p in loop.folder.rglob("*") if p.is_file()}


def test_what_became_of_the_last_retraining(loop: Loop) -> None:
    ids = loop.live(ROWS, 1.3)
    loop.retrain()
    found = look(loop).retrained
    assert found is not None and (found.version, found.outcome) == ("v2", "waits")
    loop.retrain(promote=True)
    found = look(loop).retrained
    assert found is not None and (found.version, found.outcome) == ("v2", "promoted")
    loop.label(ids[:150], ROWS["MEDV"][:150].to_numpy() / 5)
    with pytest.raises(GateRefused):
        loop.retrain()
    found = look(loop).retrained
    assert found is not None and (found.version, found.outcome) == ("v3", "refused")
    assert found.why


def test_a_log_that_cannot_be_read_hides_nothing_else(loop: Loop) -> None:
    (loop.folder / "logs").write_text("no folder")
    found = look(loop)
    assert isinstance(found.failed, LogError) and found.judged is None
    assert (found.log.readable, found.log.writable) == (False, False)
    assert found.production is not None


def test_a_broken_production_hides_nothing_else_and_can_be_left(loop: Loop) -> None:
    loop.live(ROWS, 1.3)
    loop.retrain(promote=True)
    (loop.registry.directory("v2") / "metadata.json").write_text("junk")
    found = look(loop)
    assert (found.name, found.production, found.previous) == ("v2", None, "v1")
    assert isinstance(found.failed, VersionCorrupt)
    assert found.moved is not None and found.log.readable
    with pytest.raises(VersionCorrupt) as refused:
        promote(loop.settings(), "v1")
    assert "`housing promote v1 --force`" in refused.value.hint
    rollback(loop.settings())
    assert look(loop).name == "v1"


def test_without_production_the_newest_version_waits(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:300], RIDGE)
    (tmp_path / "artifacts").rename(tmp_path / "old")
    assert (look(loop).production, look(loop).waiting) == (None, None)
    train(loop.settings(), promote=False)
    found = look(loop)
    assert (found.production, found.waiting, found.refused) == (None, "v1", "")


@pytest.fixture
def server() -> Iterator[tuple[int, dict[str, object]]]:
    """Something that answers over HTTP, and what it says."""
    told: dict[str, object] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found.server_port, told
    found.shutdown()
    found.server_close()


def test_who_serves_is_asked_and_a_stranger_is_nobody(
    loop: Loop, server: tuple[int, dict[str, object]]
) -> None:
    port, told = server
    settings = at(loop.settings(), port)
    assert status(settings).serving.ready is None
    told |= {"status": "not ready", "model_version": "v1", "reasons": ["draining"],
             "reload_refused": "v2 is corrupt"}  # fmt: skip
    assert status(settings).serving == Serving(
        f"http://127.0.0.1:{port}", False, "v1", ("draining", "v2 is corrupt")
    )
