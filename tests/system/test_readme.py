"""The README's own commands, followed in a fresh clone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.system.processes import environment
from tests.tables import king_county

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


def test_a_table_of_ones_own_is_served_priced_and_read_as_the_blocks_say(tmp_path: Path) -> None:
    table = king_county(240, 1)
    table.to_csv(tmp_path / "houses.csv", index=False)
    own, priced = (
        block for block in shell_blocks() if block.startswith(("housing init", "housing predict"))
    )
    (python,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    init, serve = own.strip().splitlines()
    bin_ = Path(sys.executable).parent
    path = os.pathsep.join([str(bin_), os.environ["PATH"]])
    env = environment({"HOUSING_SERVE_PORT": "0", "HOUSING_TRAIN_REPEATS": "1", "PATH": path,
                       "HOUSING_MODEL_PARAMS": "{n_estimators = 10}"})  # fmt: skip

    def run(line: str) -> str:
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(init)
    with subprocess.Popen(
        shlex.split(serve), cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            address = _address(server)
            with urllib.request.urlopen(f"{address}/openapi.json", timeout=30) as answer:
                schemas = json.load(answer)["components"]["schemas"]
            body = json.dumps(schemas["Features"]["examples"][0])
            curl = "curl -s http://127.0.0.1:8000/predict -H 'Content-Type: application/json'"
            assert _curl(f"{curl} -d '{body}'", address)["predicted_price"] > 10_000
        finally:
            server.terminate()
            server.communicate(timeout=30)
    predict, status = priced.strip().splitlines()
    run(predict)
    prices = pd.read_csv(tmp_path / "prices.csv")
    assert len(prices) == len(table)
    assert [*prices.columns][: table.shape[1]] == [*table.columns]
    assert "v1" in run(status)
    script = tmp_path / "script.py"
    script.write_text(f"{python}\nassert len(priced) == {len(table)} and len(log) == 1\n")
    run(f"{shlex.quote(sys.executable)} script.py")


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
