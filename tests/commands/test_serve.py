"""`housing serve`: how you start the API; what it then does is tested in `tests/api`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from housing_cli.api.early import EarlyLoad
from housing_cli.api.process import server
from housing_cli.config import Settings
from tests.conftest import Housing

Started = list[tuple[Settings, EarlyLoad | None, list[str]]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """What the server was started with, which ends at once."""
    found: Started = []

    def run(settings: Settings, early: EarlyLoad | None = None, carried: Sequence[str] = ()) -> int:
        found.append((settings, early, list(carried)))
        return 0

    monkeypatch.setattr(server, "run", run)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    yield found
    gc.unfreeze()  # these objects are not those of a server


def test_options_go_before_variables_before_the_file(
    housing: Housing, workshop: Path, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workshop / "s.toml").write_text("[serve]\nport = 1\nhost = 'file'\nworkers = 2\n")
    monkeypatch.setenv("HOUSING_SERVE_HOST", "variable")
    words = ("--port", "0", "--version", "v3", "--set", "serve.access_log=true")
    ran = housing("serve", "--config", "s.toml", *words)
    assert (ran.code, ran.stdout) == (0, "")
    serve = started[0][0].serve
    assert (serve.host, serve.port, serve.workers) == ("variable", 0, 2)
    assert (serve.version, serve.access_log) == ("v3", True)


def test_a_lone_process_loads_the_model_while_it_imports_and_workers_do_not(
    housing: Housing, started: Started
) -> None:
    housing("serve")
    housing("serve", "--workers", "2")
    (_, early, _), (_, none, _) = started
    assert isinstance(early, EarlyLoad)
    assert early.take("v1") is None  # there is no version, and nobody was told yet
    assert none is None


def test_the_dashboard_shows_the_options_that_commands_need_and_no_secret(
    housing: Housing, workshop: Path, started: Started
) -> None:
    (workshop / "s.toml").write_text("")
    sets = [
        "evaluate.threshold=0.2", "api.keys=secret", "log.url=postgresql+psycopg://me:secret@h/d",
        "registry.path=models", "registry.signing_key=secret",
    ]  # fmt: skip
    words = [word for text in sets for word in ("--set", text)]
    assert housing("serve", "--config", "s.toml", *words).code == 0
    assert started[0][2] == [
        "--config", "s.toml", "--set", "evaluate.threshold=0.2", "--set", "registry.path=models",
    ]  # fmt: skip


def test_the_process_is_as_it_was_when_the_server_ends(
    housing: Housing, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        assert not gc.isenabled()
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        raise ZeroDivisionError

    monkeypatch.setattr(server, "run", fail)
    with pytest.raises(ZeroDivisionError):
        housing("serve")
    assert gc.isenabled()


@pytest.mark.parametrize(
    "words", [("--port", "65536"), ("--port", "x"), ("--workers", "0"), ("--host", ""), ("v1",)]
)
def test_a_value_that_cannot_be_is_a_usage_error(
    housing: Housing, started: Started, words: tuple[str, ...]
) -> None:
    assert housing("serve", *words).code == 64
    assert started == []
