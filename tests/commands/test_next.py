"""Each command that is printed after `next:` is typed as it stands, and is not refused."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Housing, Ran
from tests.in_process import Loop, shuffled

ROWS = shuffled(7)
SETS = "[train]\njobs = 1\n"
FEWER = 'data.features=["RM","LSTAT"]'


@pytest.fixture
def shop(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Loop:
    """v1, of a settings file that is not the default one and that names a registry and a log."""
    loop = Loop(workshop, ROWS[:280])
    monkeypatch.setenv("HOUSING_MODEL_PARAMS", "{n_estimators = 20}")
    monkeypatch.setenv("HOUSING_TRAIN_REPEATS", "1")
    kept = f'{SETS}\n[data]\npath = "data.csv"\n\n[registry]\npath = "kept/models"\n'
    (workshop / "own.toml").write_text(f'{kept}\n[log]\nurl = "csv:kept/log"\n')
    (workshop / "kept").mkdir()
    (workshop / "artifacts").rename(workshop / "kept" / "models")
    (workshop / "kept" / "log").symlink_to(workshop / "logs")
    (workshop / "logs").mkdir()
    loop.registry.root = workshop / "kept" / "models"
    return loop


CONFIG = ("--config", "own.toml")


def degraded(loop: Loop, housing: Housing) -> Ran:
    loop.live(ROWS[280:370])
    loop.live(ROWS[370:440], 1.3)
    return housing("evaluate", *CONFIG)


def rolled_back(loop: Loop, housing: Housing) -> Ran:
    degraded(loop, housing)
    assert housing("retrain", "--promote", *CONFIG).code == 0
    loop.live(ROWS[440:], 1.3)
    assert housing("promote", "--rollback", *CONFIG).code == 0
    return housing("evaluate", *CONFIG)


def waiting(loop: Loop, housing: Housing) -> Ran:
    degraded(loop, housing)
    assert housing("retrain", *CONFIG).code == 0
    return housing("evaluate", *CONFIG)


def another_version(loop: Loop, housing: Housing) -> Ran:
    degraded(loop, housing)
    assert housing("retrain", "--promote", *CONFIG).code == 0
    return housing("evaluate", "--version", "v1", *CONFIG)


def trained(*words: str) -> Callable[[Loop, Housing], Ran]:
    return lambda _loop, housing: housing("train", *words, *CONFIG)


def another_table(loop: Loop, housing: Housing) -> Ran:
    noise = ROWS[:280].assign(MEDV=ROWS["MEDV"][:280].sample(frac=1.0, random_state=1).to_numpy())
    pd.DataFrame(noise).to_csv("noise.csv", index=False)
    return housing("train", "--data-path", "noise.csv", *CONFIG)


def retrained(*words: str) -> Callable[[Loop, Housing], Ran]:
    def run(loop: Loop, housing: Housing) -> Ran:
        degraded(loop, housing)
        return housing("retrain", *words, *CONFIG)

    return run


def forced(loop: Loop, housing: Housing) -> Ran:
    loop.live(ROWS[280:], 0.2)
    return housing("retrain", "--force", *CONFIG)


SITUATIONS: dict[str, tuple[Callable[[Loop, Housing], Ran], int, str]] = {
    "degraded": (degraded, 2, "retrain --promote --config own.toml"),
    "rolled back from what is healthy": (rolled_back, 2, "promote v2 --config own.toml"),
    "a challenger that won waits": (waiting, 2, "promote v2 --config own.toml"),
    "a version that is not production": (another_version, 2, "evaluate --config own.toml"),
    "trained again": (trained(), 0, "promote v2 --config own.toml"),
    "trained in another registry": (
        trained("--set", "registry.path=new place", "--no-promote"), 0,
        "promote v1 --config own.toml --set 'registry.path=new place'",
    ),
    "trained with fewer features": (
        trained("--set", FEWER), 0,
        f"registry diff production v2 --config own.toml --set '{FEWER}'",
    ),
    "trained on another table": (
        another_table, 0, "registry diff production v2 --config own.toml",
    ),
    "retrained": (retrained(), 0, "promote v2 --config own.toml"),
    "retrained by force": (forced, 0, "promote v2 --force --config own.toml"),
    "no versions": (
        lambda _loop, housing: housing("registry", "ls"), 0, "init FILE --target COLUMN --train",
    ),
    "no history": (
        lambda _loop, housing: housing("registry", "history"), 0,
        "init FILE --target COLUMN --train",
    ),
}  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_printed_next_is_not_refused(situation: str, shop: Loop, housing: Housing) -> None:
    lead, code, expected = SITUATIONS[situation]
    ran = lead(shop, housing)
    assert ran.code == code, ran.stderr
    (command,) = re.findall(r"^next: housing (.*)$", ran.stderr, re.MULTILINE)
    assert command == expected
    words = shlex.split(command.replace("FILE", "data.csv").replace("COLUMN", "MEDV"))
    done = housing(*words)
    assert done.code in ((0, 2) if words[0] == "evaluate" else (0,)), done.stderr


def test_the_cure_after_a_wrong_rollback_cures(shop: Loop, housing: Housing) -> None:
    told = rolled_back(shop, housing)
    assert housing("evaluate", "--json", *CONFIG).json["data"]["better_version"] == "v2"
    (command,) = re.findall(r"^next: housing (.*)$", told.stderr, re.MULTILINE)
    assert housing(*shlex.split(command)).code == 0
    assert housing("evaluate", *CONFIG).code == 0


def test_nothing_new_to_learn_is_waited_for_and_never_sent_in_circles(
    shop: Loop, housing: Housing
) -> None:
    degraded(shop, housing)
    assert housing("retrain", "--promote", *CONFIG).code == 0
    assert housing("promote", "--rollback", *CONFIG).code == 0
    told = housing("evaluate", *CONFIG)
    said = "next: wait for 30 more labels, then housing retrain --promote --config own.toml"
    assert said in told.stderr
    refused = housing("retrain", "--promote", *CONFIG)
    assert refused.code == 4
    assert "`housing promote v2 --config own.toml` serves it again; else" in refused.stderr
    # What was rolled back won on these very labels: it is named, as one types it.
    again = "`housing promote v2 --config own.toml` serves it again"
    assert f"\n  {again}\n" in told.stderr
    assert housing("evaluate", "--json", *CONFIG).json["data"]["next"]["hint"] == again
    assert housing("promote", "v2", *CONFIG).code == 0


def test_a_served_version_comes_first(workshop: Path, housing: Housing) -> None:
    ROWS.to_csv("data.csv", index=False)
    ran = housing("train", "--data-path", "data.csv", "--set", "model.regressor=Ridge")
    assert ran.stderr.endswith("next: housing serve\n")
