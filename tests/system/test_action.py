"""The composite action, run as a step of somebody's workflow."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.in_process import SMALL, Loop, shuffled
from tests.system.docker_engine import clean_copy
from tests.system.runner import Runner, act

WORKFLOW = """
on: workflow_dispatch
permissions: {}
jobs:
  judge:
    name: Judge
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
      - uses: ./.github/actions/housing
        id: verb
        with:
          run: RUN
          working-directory: models
          accept: ACCEPT
      - run: echo "told [$CODE] [$STATUS] [$VERSION] [$VERDICT] [$CANDIDATE]"
        env:
          CODE: ${{ steps.verb.outputs.exit_code }}
          STATUS: ${{ steps.verb.outputs.status }}
          VERSION: ${{ steps.verb.outputs.version }}
          VERDICT: ${{ steps.verb.outputs.verdict }}
          CANDIDATE: ${{ steps.verb.outputs.candidate }}
"""


@pytest.fixture
def runner(tmp_path: Path, artifacts: Path) -> Runner:
    """A repository with a registry in `models`, and a machine that has `housing`."""
    if act() is None:
        pytest.skip("`act` is not installed")
    repository = clean_copy(tmp_path / "repository")
    shutil.copytree(artifacts, repository / "models" / "artifacts")
    return Runner(tmp_path / "runs", repository)


def ran(runner: Runner, words: str, accept: str = "0 2") -> tuple[int, str]:
    file = runner.repository / ".github/workflows/judge.yml"
    file.write_text(WORKFLOW.replace("RUN", json.dumps(words)).replace("ACCEPT", f'"{accept}"'))
    runner.commit("a workflow that uses the action")
    # What this interpreter has beside it stands for what the action installs.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = runner.run("judge", environment={"PATH": path})
    return run.code, run.output


def test_answers_become_outputs_and_leave_the_step_green(runner: Runner) -> None:
    code, output = ran(runner, 'promote v2 --reason "on a night\'s data" --force')
    assert code == 0, output
    assert "told [0] [ok] [v2] [] []" in output
    code, output = ran(runner, "evaluate --strict", accept="0 3")
    assert code == 0, output
    assert "told [3] [insufficient] [v1] [insufficient] []" in output  # a fresh machine each time


def test_a_version_that_waits_is_an_output(runner: Runner) -> None:
    models = runner.repository / "models"
    shutil.rmtree(models / "artifacts")
    Loop(models, shuffled(0)[:400]).live(shuffled(0)[400:], 1.3)
    sets = " ".join(f"--set {text}" for text in (*SMALL, "data.path=data.csv"))
    code, output = ran(runner, f"retrain --to candidate {sets}")
    assert code == 0, output
    assert "told [0] [ok] [v2] [] [v2]" in output


def test_a_failure_is_red(runner: Runner) -> None:
    code, output = ran(runner, "evaluate --strict")
    assert code != 0
    assert "housing evaluate ended with exit code 3" in output
    code, output = ran(runner, 'evaluate "--strict')
    assert code != 0
    assert "a quote is not closed" in output
