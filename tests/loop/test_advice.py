"""What a verdict calls for where nothing has to be looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from housing_cli.loop.advice import Advice, Next, advised
from tests.in_process import Loop, shuffled

ROWS = shuffled(7)[280:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return Loop(tmp_path, shuffled(7)[:280])


def advice_of(loop: Loop) -> Advice | None:
    return advised(loop.settings(), loop.evaluate()).advice


def test_a_healthy_version_calls_for_nothing(loop: Loop) -> None:
    loop.live(ROWS)
    assert advice_of(loop) == Advice(Next("none"))


def test_too_few_labels_are_to_be_waited_for(loop: Loop) -> None:
    loop.live(ROWS[:10])
    assert advice_of(loop) == Advice(Next("wait", "evaluate", "too few labels for a verdict", 20))


def test_what_a_healthy_judgment_needs_loads_nothing_of_the_cure() -> None:
    code = (
        "import sys, housing_cli.loop.advice, housing_cli.show.evaluate;"
        "print(*(name for name in ('cure', 'rivals', 'replay', 'retrain')"
        " if f'housing_cli.loop.{name}' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
