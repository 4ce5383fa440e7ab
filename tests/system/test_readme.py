"""The README's own commands, followed in a fresh clone."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.processes import environment

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def shell_blocks() -> list[str]:
    return re.findall(r"```sh\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    folder = tmp_path_factory.mktemp("fresh") / "housing"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder)], check=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_the_first_command_serves_a_trained_model_that_answers_the_curl_lines(clone: Path) -> None:
    up, test = re.findall(r"^(\.ci/\w+)", shell_blocks()[0], re.MULTILINE)
    assert (up, test) == (".ci/up", ".ci/test")
    predict, feedback = shell_blocks()[1].strip().splitlines()
    env = environment({"HOUSING_SERVE_PORT": "0", "HOUSING_TRAIN_REPEATS": "1"})
    with subprocess.Popen(
        [up], cwd=clone, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            address = _address(server)
            priced = _curl(predict, address)
            assert priced["model_version"] == "v1"
            assert 20 < priced["predicted_price"] < 30
            answered = _curl(feedback.replace("ID-FROM-THE-ANSWER", priced["id"]), address)
            assert answered["message"] == "Valor real actualizado correctamente"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.communicate(timeout=30)
    assert (clone / "logs" / "feedback.csv").read_text().count(priced["id"]) == 1

    start = time.monotonic()
    subprocess.run([".ci/setup", "run"], cwd=clone, env=env, check=True)
    assert time.monotonic() - start < 5, "setting up again takes long"


def test_the_second_command_passes_tests_in_the_same_clone(clone: Path) -> None:
    # One file of them: the whole suite is what is running now.
    done = subprocess.run(
        [".ci/test", "tests/data/test_shipped_data.py"],
        cwd=clone,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout)


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if match := re.search(r"serving on (http://\S+)", line):
            return match[1]
    raise AssertionError("".join(said))


def _curl(line: str, address: str) -> dict[str, Any]:
    command = line.replace("http://127.0.0.1:8000", address).replace(
        "curl -s", "curl -sS --retry 20 --retry-delay 1 --retry-connrefused --fail"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]
