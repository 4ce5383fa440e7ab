"""A crash at any step of a change leaves the registry as it was before or as it should be after."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit
from tests.registry.versions import add, registry_of

STEPS = ("open", "fsync", "ftruncate", "pwrite", "rename", "replace", "unlink", "mkdir", "rmdir")
"""Every call of the operating system that changes what a directory holds."""

Change = Callable[[ModelRegistry], object]
CHANGES: dict[str, Change] = {
    "add": lambda registry: add(registry, "new"),
    "add and promote": lambda registry: add(registry, "new", promote=True),
    "point": lambda registry: registry.point("production", registry.get("v3")),
    "record": lambda registry: registry.record("refused", registry.get("v3"), why="", evidence={}),
    "gc": lambda registry: registry.gc(1),
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
    """v1 to v4 with production v2."""
    registry = registry_of(tmp_path / "before", 4)
    registry.point("production", registry.get("v2"))
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


def test_a_reader_without_rights_to_mend_still_reads(
    before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = ModelRegistry(before)
    for step in range(1, 200):
        assert crash_at(step, lambda: CHANGES["point"](registry))
        if (before / ".journal.json").exists():
            break
    monkeypatch.setattr("housing_cli.registry.reader.writable", lambda _: False)
    assert registry.resolve("production") in {"v2", "v3"}
    assert (before / ".journal.json").exists()
