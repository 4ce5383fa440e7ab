"""`housing status`: exit codes, what goes together, and that it can be watched."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Housing
from tests.in_process import Loop, shuffled
from tests.system.processes import environment

ROWS = shuffled(0)


def test_it_says_all_and_exits_with_0_whatever_the_verdict(
    workshop: Path, housing: Housing
) -> None:
    loop = Loop(workshop, ROWS[:350])
    assert housing("status").code == 0
    loop.live(ROWS[350:], 2.0)
    ran = housing("status")
    assert (ran.code, housing("evaluate").code) == (0, 2)
    assert ran.stdout.startswith("v1 is degraded: ")
    told = housing("status", "--json", "--set", "data.path=data.csv").json
    assert (told["exit_code"], told["data"]["verdict"]) == (0, "degraded")
    assert told["data"]["next"]["command"] == "housing retrain --promote --set data.path=data.csv"


def test_without_a_model_it_says_so_and_what_comes_next(workshop: Path, housing: Housing) -> None:
    ran = housing("status")
    assert ran.code == 0
    assert ran.stdout.splitlines()[0] == "no model yet"
    assert "next        housing init FILE --target COLUMN --train" in ran.stdout
    assert list(workshop.iterdir()) == []


def test_a_known_failure_is_1(artifacts: Path, housing: Housing) -> None:
    (artifacts.parent / "logs").write_text("no folder")
    ran = housing("status")
    assert ran.code == 1
    assert "production  v1" in ran.stdout and "error: " in ran.stderr


def test_settings_are_shown_with_their_source(
    workshop: Path, housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSING_API_KEYS", "hush")
    ran = housing("status", "--settings", "--set", "train.seed=7")
    assert ran.code == 0
    assert (
        "train.seed                      7                         --set train.seed" in ran.stdout
    )
    assert "hush" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80
    told = housing("status", "--settings", "--json").json["data"]["settings"]
    assert told["api.keys"] == {"value": ["***"], "source": "variable HOUSING_API_KEYS"}


@pytest.mark.parametrize("words", [("5",), ("--settings", "--watch"), ("--watch", "0")])
def test_what_does_not_go_together_is_a_usage_error(
    workshop: Path, housing: Housing, words: tuple[str, ...]
) -> None:
    assert housing("status", *words).code == 64


COMMAND = [sys.executable, "-m", "housing_cli", "status", "--watch", "0.1"]


def test_a_watch_into_a_pipe_ends_quietly_at_ctrl_c(workshop: Path) -> None:
    with subprocess.Popen(
        COMMAND, cwd=workshop, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as watched:  # fmt: skip
        assert watched.stdout is not None
        seen = 0
        while seen < 2:
            seen += watched.stdout.readline() == "no model yet\n"
        watched.send_signal(signal.SIGINT)
        _, said = watched.communicate(timeout=30)
    assert (watched.returncode, said) == (0, "")


def test_a_watch_ends_where_nobody_reads_any_more(workshop: Path) -> None:
    with subprocess.Popen(
        COMMAND, cwd=workshop, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as watched:
        assert watched.stdout is not None and watched.stderr is not None
        watched.stdout.readline()
        watched.stdout.close()
        assert watched.wait(timeout=30) == 0
        assert watched.stderr.read() == b""


def test_a_watch_on_a_terminal_draws_in_one_place(workshop: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        COMMAND, cwd=workshop, env=environment({"TERM": "xterm"}), stdout=theirs, stderr=theirs
    ) as watched:
        os.close(theirs)
        seen, end = b"", time.monotonic() + 60
        while seen.count(b"no model yet") < 3 and time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                seen += os.read(ours, 65_536)
        watched.send_signal(signal.SIGINT)
        assert watched.wait(timeout=30) == 0
    os.close(ours)
    assert b"\x1b[1A" in seen  # the cursor goes up: the next look stands in the place of the last
    assert b"Ctrl-C ends" in seen
