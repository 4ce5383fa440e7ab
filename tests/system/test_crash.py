"""`kill -9` at random moments of `train` and of `promote`: the registry is always whole."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from housing_cli.loop.verify import load_verified, verify_registry
from housing_cli.registry import ModelRegistry
from housing_cli.registry.audit import audit
from tests.conftest import QUICK
from tests.system.processes import HOUSING, environment, housing
from tests.system.zygote import Zygote

TIMES = 50
ATTEMPTS = 500  # some end before they are killed
TINY = ("--set", "model.params.n_estimators=2", "--set", "train.folds=2")


@pytest.fixture
def zygote(artifacts: Path) -> Iterator[Zygote]:
    """Commands that start at once, in a workshop with v1 (production) and v2."""
    with Zygote(artifacts.parent) as zygote:
        yield zygote


def whole(registry: ModelRegistry) -> None:
    """Check everything but the models of old versions, which nothing touches."""
    recorded = audit(registry)
    load_verified(registry, registry.get("latest"), recorded)
    assert registry.aliases()["production"] in registry.names()


def test_train_killed_fifty_times(zygote: Zygote, table: Path, artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    train = ["train", "--data-path", str(table), "--promote", *QUICK, *TINY]
    undisturbed = [zygote.run(train)[0] for _ in range(2)]
    assert [ran["code"] for ran in undisturbed] == [0, 0]
    moments = random.Random(1)
    killed, length = 0, undisturbed[1]["seconds"]
    for _ in range(ATTEMPTS):
        known = registry.names()
        # From the start to the end, and often near it, where the registry is written.
        moment = length * moments.triangular(0, 1.1, 1)
        (ran,) = zygote.run(train, kill_after=moment)
        killed += ran["code"] == -signal.SIGKILL
        if ran["code"] == 0:
            length = (length + ran["finished"]) / 2  # the machine's speed changes
        whole(registry)
        assert registry.names()[: len(known)] == known
        assert len(registry.names()) <= len(known) + 1
        if killed == TIMES:
            break
    assert killed == TIMES
    (ran,) = zygote.run(train)
    assert ran["code"] == 0
    names = registry.names()
    assert names == [f"v{number}" for number in range(1, len(names) + 1)]
    assert registry.resolve("production") == names[-1]
    assert verify_registry(registry).versions == names


def test_promote_killed_fifty_times(zygote: Zygote, artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    undisturbed = [zygote.run(["promote", f"v{n}", "--force"])[0] for n in (2, 1)]
    assert [ran["code"] for ran in undisturbed] == [0, 0]
    moments = random.Random(2)
    killed, length = 0, undisturbed[1]["seconds"]
    for _ in range(ATTEMPTS):
        before = registry.resolve("production")
        after = "v2" if before == "v1" else "v1"
        moment = length * moments.uniform(0, 1.1)
        (ran,) = zygote.run(["promote", after, "--force"], kill_after=moment)
        killed += ran["code"] == -signal.SIGKILL
        whole(registry)
        assert registry.resolve("production") in {before, after}
        if ran["code"] == 0:
            assert registry.resolve("production") == after
            length = (length + ran["finished"]) / 2
        if killed == TIMES:
            break
    assert killed == TIMES
    assert verify_registry(registry).versions == ["v1", "v2"]


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_during_train_leaves_the_registry_untouched(
    as_json: bool, artifacts: Path, table: Path
) -> None:
    registry = ModelRegistry(artifacts)
    before = (registry.names(), registry.aliases(), registry.history())
    words = ["train", "--data-path", str(table), "--set", "train.repeats=1000"]
    process = subprocess.Popen(
        [*HOUSING, *words, *(["--json"] if as_json else [])],
        cwd=artifacts.parent,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stderr.endswith("error: interrupted\nhint: nothing is half-written; run it again\n")
    assert "Traceback" not in stderr
    assert ('"status": "interrupted", "exit_code": 130' in stdout) == as_json
    assert (registry.names(), registry.aliases(), registry.history()) == before
    assert housing("registry", "verify", cwd=artifacts.parent).code == 0


def test_the_code_is_130_even_while_the_command_starts() -> None:
    code = "import housing_cli.cli as c\n"
    code += "def stop(_): raise KeyboardInterrupt\nc.make_app = stop\nc.main()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 130
