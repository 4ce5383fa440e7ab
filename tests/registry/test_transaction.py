"""A crash at any step of a change leaves the registry as it was before or as it should be after."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from housing_cli.errors import RegistryError
from housing_cli.registry import ModelRegistry, RegistryReader
from housing_cli.registry.audit import audit, verify_metadata, verify_move
from tests.registry.signing import Keys
from tests.registry.versions import add, registry_of

STEPS = ("open", "fsync", "ftruncate", "pwrite", "rename", "replace", "unlink", "mkdir", "rmdir")
"""Every call of the operating system that changes what a directory holds."""

SIZE = 1
"""Stands for the size of the history."""
UNLINKED = json.dumps({"when": "", "who": "", "event": "noted", "from": None, "to": "v1"})

Change = Callable[[ModelRegistry], object]
CHANGES: dict[str, Change] = {
    "add": lambda registry: add(registry, "new"),
    "add and promote": lambda registry: add(registry, "new", promote=True),
    "point": lambda registry: registry.point("production", registry.get("v3")),
    "record": lambda registry: registry.record("refused", registry.get("v3"), why="", evidence={}),
    "gc": lambda registry: registry.gc(1),
    "end": lambda registry: registry.end("canary", why="no"),
    "point at what is tried": lambda registry: registry.point("production", registry.get("v4")),
}


def crash_at(step: int, change: Callable[[], object]) -> bool:
    """Do `change` in a child process that dies at its `step`-th call; say whether it died."""
    child = os.fork()
    if child == 0:
        calls = 0

        def counted(call: Callable[..., Any], name: str) -> Callable[..., Any]:
            def dies(*args: Any, **options: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == step:
                    if name == "pwrite":  # torn in the middle
                        call(args[0], args[1][: len(args[1]) // 2], args[2])
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **options)

            return dies

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name), name))
        try:
            change()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the change failed by itself"
    return os.WIFSIGNALED(status)


def state(registry: ModelRegistry) -> tuple[Any, ...]:
    events = [(e.event, e.alias, e.from_, e.to) for e in registry.history()]
    return registry.names(), registry.aliases(), events


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """v1 to v4 with production v2 and canary v4."""
    registry = registry_of(tmp_path / "before", 4)
    registry.point("production", registry.get("v2"))
    registry.point("canary", registry.get("v4"), evidence={"weight": 10.0})
    return registry.root


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_crash_at_every_step_leaves_before_or_after(name: str, before: Path) -> None:
    change = CHANGES[name]
    done = ModelRegistry(shutil.copytree(before, before.with_name("done")))
    change(done)
    expected = [state(ModelRegistry(before)), state(done)]
    seen = []
    for step in range(1, 200):
        registry = ModelRegistry(shutil.copytree(before, before.with_name(f"at-{step}")), 5)
        died = crash_at(step, partial(change, registry))
        left = state(registry)
        assert left in expected
        seen.append(expected.index(left))
        audit(registry)
        following = add(registry)  # the numbering goes on, and the lock is free
        assert following.number == 5 + ("new" in [v.metadata.tag for v in registry.versions()])
        audit(registry)
        assert not list((registry.root / "versions").glob(".*"))
        if not died:
            break
    assert not died
    assert seen == sorted(seen), "what was done stays done"
    assert set(seen) == {0, 1}
    assert len(seen) > 10


@pytest.mark.slow
@pytest.mark.parametrize("name", ["add and promote", "gc"])
def test_a_crash_while_mending_a_crash_is_mended_too(name: str, before: Path) -> None:
    change = CHANGES[name]
    done = ModelRegistry(shutil.copytree(before, before.with_name("done")))
    change(done)
    # The first step that leaves a committed plan behind.
    for step in range(1, 200):
        crashed = Path(shutil.copytree(before, before.with_name(f"at-{step}")))
        assert crash_at(step, partial(change, ModelRegistry(crashed)))
        if (crashed / ".journal.json").exists():
            break
    for step in range(1, 200):
        registry = ModelRegistry(shutil.copytree(crashed, before.with_name(f"again-{step}")), 5)
        died = crash_at(step, registry.names)
        assert state(registry) == state(done)
        audit(registry)
        if not died:
            return
    raise AssertionError("mending never ends")


@pytest.mark.slow
def test_a_server_finds_a_signature_after_a_crash_at_every_step(tmp_path: Path) -> None:
    keys = Keys()
    before = keys.registry(tmp_path / "before")
    add(before)
    add(before)
    seen = []
    for step in range(1, 200):
        left = keys.registry(Path(shutil.copytree(before.root, tmp_path / f"at-{step}")))
        died = crash_at(step, partial(add, left, promote=True))
        server = keys.reader(left.root)  # before any command mends it
        version = server.get("production")
        verify_metadata(server, version)
        move = verify_move(server, "production", version)
        assert move is not None
        seen.append(move.event)
        left.names()  # a command mends it
        for alias, named in left.aliases().items():
            assert verify_move(server, alias, left.get(named)) is not None
        if not died:
            break
    assert not died
    assert seen == sorted(seen)
    assert {*seen} == {2, 5}
    assert len(list((left.root / "signatures").iterdir())) == 2


@pytest.fixture
def crashed(before: Path) -> Path:
    """A registry whose promotion of v3 was written down, and no more."""
    for step in range(1, 200):
        left = Path(shutil.copytree(before, before.with_name(f"left-{step}")))
        assert crash_at(step, partial(CHANGES["point"], ModelRegistry(left)))
        if (left / ".journal.json").exists():
            return left
    raise AssertionError("no plan was written down")


def test_the_next_command_finishes_what_was_written_down_and_a_server_does_not(
    crashed: Path,
) -> None:
    there = snapshot(crashed)
    reader = RegistryReader(crashed)
    assert reader.aliases()["production"] == reader.resolve("production") == "v2"
    assert reader.names() == ["v1", "v2", "v3", "v4"]
    reader.history()
    assert snapshot(crashed) == there
    assert ModelRegistry(crashed, 5).resolve("production") == "v3"


def snapshot(folder: Path) -> dict[str, object]:
    """Return every file, directory and link below `folder` with what it holds."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = path.readlink()
        else:
            found[name] = path.read_bytes() if path.is_file() else None
    return found


PLANTED: dict[str, dict[str, object]] = {
    "renames a file outside": {"renames": [["../precious", "../stolen"]]},
    "renames a file outside into a version": {"renames": [["../precious", "versions/v9"]]},
    "renames an absolute path": {"renames": [["/etc/hostname", "versions/v9"]]},
    "renames a version": {"renames": [["versions/v2", "versions/v9"]]},
    "publishes under another number": {"renames": [["versions/.building-v5", "versions/v6"]]},
    "removes without telling": {"renames": [["versions/v1", "versions/.removed-v1"]]},
    "publishes behind a line": {"renames": [["versions/.building-v5\n", "versions/v5"]]},
    "points an alias outside": {"aliases": {"../../precious": "v1"}},
    "points an absolute alias": {"aliases": {"/tmp/planted": "v1"}},
    "points an alias called ..": {"aliases": {"..": "v1"}},
    "points a version's name": {"aliases": {"v7": "v1"}},
    "points at no version": {"aliases": {"production": "ssh-rsa AAAA"}},
    "points at a path": {"aliases": {"production": "../v1"}},
    "points an alias without telling": {"aliases": {"production": "v4"}},
    "cuts the history": {"history_size": 0, "lines": ["* * * * * root sh"]},
    "cuts the history and tells nothing": {"history_size": 0},
    "adds a line that is no event": {"history_size": SIZE, "lines": ["* * * * * root sh"]},
    "adds two lines as one": {"history_size": SIZE, "lines": ["{}\n{}"]},
    "adds an unlinked event": {"history_size": SIZE, "lines": [UNLINKED]},
    "overwrites history with an event": {"history_size": 0, "lines": [UNLINKED]},
    "goes on behind the end": {"history_size": 10**9, "lines": [UNLINKED]},
    "signs no alias that it points": {"statements": {"../precious": ""}},
    "goes on before the beginning": {"history_size": -1, "lines": [UNLINKED]},
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_journal_is_refused_by_name_and_nothing_moves(name: str, before: Path) -> None:
    plan = PLANTED[name]
    size = (before / "history.jsonl").stat().st_size
    plan = plan | ({"history_size": size} if plan.get("history_size") == SIZE else {})
    (before.parent / "precious").write_text("mine")
    (before / ".journal.json").write_text(json.dumps(plan))
    there = snapshot(before.parent)
    registry = ModelRegistry(before, 5)
    for act in (registry.names, registry.aliases, registry.history, lambda: add(registry)):
        with pytest.raises(RegistryError, match=r"`.*\.journal\.json` ") as raised:
            act()
        assert "registry verify" in raised.value.hint
    assert RegistryReader(before).resolve("production") == "v2"
    after = snapshot(before.parent)
    after.pop("before/.lock", None)
    there.pop("before/.lock", None)
    assert after == there
    (before / ".journal.json").unlink()
    audit(registry)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"lines":["\xff"]}', b"[" * 100_000, b"null",
                                 b'{"renames":[["a"]]}', b'{"history_size":1e400}'])  # fmt: skip
def test_a_journal_that_is_no_plan_is_refused_by_name(raw: bytes, before: Path) -> None:
    (before / ".journal.json").write_bytes(raw)
    with pytest.raises(RegistryError, match=r"`.*\.journal\.json` was damaged"):
        ModelRegistry(before, 5).names()


@pytest.mark.parametrize(
    "name",
    [
        "versions",
        "aliases",
        "history.jsonl",
        "history.sha256",
        "format.json",
        "signatures",
        ".lock",
    ],
)
def test_nothing_is_written_through_a_link(name: str, before: Path) -> None:
    outside = before.parent / "outside"
    (outside / ".ssh").mkdir(parents=True)
    (outside / ".building-v5").mkdir()
    here = before / name
    (before / ".lock").unlink()
    target = here.rename(outside / "moved") if here.exists() else outside / "not there"
    here.symlink_to(target)
    there = snapshot(outside)
    registry = ModelRegistry(before, 5)
    for act in (lambda: registry.point("staging", registry.get("v1")), lambda: registry.gc(1)):
        with pytest.raises(RegistryError, match=f"{re.escape(name)}.* link|symbolic links"):
            act()
    assert snapshot(outside) == there


def test_a_link_in_place_of_a_file_to_be_is_replaced_and_not_followed(before: Path) -> None:
    precious = before.parent / "precious"
    precious.write_text("mine")
    for file in ("aliases/.staging.new", "..journal.json.new", ".history.sha256.new"):
        (before / file).symlink_to(precious)
    registry = ModelRegistry(before, 5)
    registry.point("staging", registry.get("v1"))
    assert precious.read_text() == "mine"
    audit(registry)


def test_a_version_that_is_a_link_is_not_removed(before: Path) -> None:
    registry = ModelRegistry(before, 5)
    outside = registry.directory("v3").rename(before.parent / "outside")
    registry.directory("v3").symlink_to(outside)
    there = snapshot(before.parent)
    with pytest.raises(RegistryError, match=r"versions/v3` is a symbolic link"):
        registry.gc(1)
    assert snapshot(before.parent) == there


def test_only_what_a_crash_left_is_cleared_away(before: Path) -> None:
    versions = before / "versions"
    for name in (".building-v5", ".removed-v1", ".nfs0001", ".snapshot"):
        (versions / name).mkdir()
    ModelRegistry(before, 5).gc(9)
    assert sorted(path.name for path in versions.glob(".*")) == [".nfs0001", ".snapshot"]


def test_a_reader_without_rights_to_mend_still_reads(
    before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = ModelRegistry(before)
    for step in range(1, 200):
        assert crash_at(step, lambda: CHANGES["point"](registry))
        if (before / ".journal.json").exists():
            break
    monkeypatch.setattr("housing_cli.registry.store.writable", lambda _: False)
    assert registry.resolve("production") in {"v2", "v3"}
    assert (before / ".journal.json").exists()
