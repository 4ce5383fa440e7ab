"""One machine, all parts: the compose stack comes up and closes the loop by itself.

Run for real: the API, the evaluator, PostgreSQL, Prometheus, Alertmanager and the Pushgateway, the
latter four as Debian's packages in images that are made here. Not run: Grafana, which no package
registry carries; its files are checked in test_monitoring_files.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.conftest import Built
from tests.system.docker_engine import REPOSITORY
from tests.system.test_image import rows, wait_until_ready

pytestmark = [
    pytest.mark.docker,
    pytest.mark.slow,
    pytest.mark.xdist_group("docker"),
    pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no `docker-compose`"),
]

STAND_INS = Path(__file__).with_name("compose")
SERVICES = ["api", "evaluator", "postgres", "prometheus", "alertmanager", "pushgateway"]
QUICK = {
    "EVALUATE_EVERY": "2",
    "HOUSING_MODEL_PARAMS": "{n_estimators = 10}",
    "HOUSING_TRAIN_REPEATS": "1",
}


class Compose:
    """A project of its own name, with ports of its own."""

    def __init__(self, built: Built, folder: Path) -> None:
        self.engine = built.engine
        self._override = folder / "override.yaml"  # JSON is YAML
        self._override.write_text(json.dumps({"services": {"evaluator": {"environment": QUICK}}}))
        # Compose adds up lists of ports: those of a user's machine may be taken here.
        text = (built.context / "configs/compose.yaml").read_text()
        text = text.replace('"127.0.0.1:8000:8000"', '"127.0.0.1::8000"')
        text = text.replace('"127.0.0.1:9090:9090"', '"127.0.0.1::9090"')
        self._file = built.context / "configs/compose-ports.yaml"
        self._file.write_text(text)

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        files = ["-f", str(self._file), "-f", str(self._override), "-p", "housingtest"]
        done = subprocess.run(
            ["docker-compose", *files, *arguments],
            env=self.engine.environment | {"HOUSING_IMAGE": Built.image},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def address(self, service: str, port: int) -> str:
        return "http://" + self("port", service, str(port)).stdout.strip()


@pytest.fixture(scope="module")
def compose(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    text = (REPOSITORY / "configs/compose.yaml").read_text()
    names = {line.split("image: ")[1].strip() for line in text.splitlines() if "image: " in line}
    for name in sorted(names):
        target = name.rpartition("/")[2].partition(":")[0]
        if target in SERVICES:
            built.engine("build", "--target", target, "--tag", name, ".", cwd=STAND_INS)
    compose = Compose(built, tmp_path_factory.mktemp("compose"))
    try:
        compose("up", "--detach", *SERVICES)
        yield compose
    finally:
        compose("down", "--volumes", "--timeout", "5", check=False)


def wait_for(fact: Callable[[], Any], timeout: float, what: str, compose: Compose) -> Any:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if found := fact():
                return found
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"not in time: {what}\n{compose('logs', '--tail', '30').stdout}")
        time.sleep(0.3)


def test_it_mounts_only_files_that_exist() -> None:
    folder = REPOSITORY / "configs"
    text = (folder / "compose.yaml").read_text()
    mounted = [line.split(":")[0].strip(" -") for line in text.splitlines() if "- ./" in line]
    assert mounted
    assert all((folder / name).exists() for name in mounted)


def test_the_stack_closes_the_loop_by_itself(compose: Compose) -> None:
    """Predictions go to PostgreSQL; a degraded model is found, replaced and served, untouched."""
    api = compose.address("api", 8000)
    wait_until_ready(api, timeout=60)
    table = [row for row, _ in rows(80)]
    with httpx.Client(base_url=api, timeout=20) as client:
        assert client.get("/version").json()["version"] == "v1"
        made = client.post("/predict/batch", json={"rows": table}).json()["predictions"]
        for prediction in made:
            body = {"id": prediction["id"], "real_price": prediction["predicted_price"] * 1.5}
            assert client.post("/feedback", json=body).status_code == 200
        query = ["-U", "housing", "-h", "/tmp", "-d", "housing", "-Atc"]
        tables = compose("exec", "-T", "postgres", "psql", *query, r"\dt").stdout
        assert "prediction" in tables

        prometheus = httpx.Client(base_url=compose.address("prometheus", 9090), timeout=10)

        def ask(expression: str) -> list[Any]:
            answer = prometheus.get("/api/v1/query", params={"query": expression}).json()
            return list(answer["data"]["result"])

        wait_for(lambda: ask('up{job="housing"} == 1'), 60, "Prometheus scrapes the API", compose)
        wait_for(
            lambda: client.get("/version").json()["version"] == "v2", 120, "v2 is served", compose
        )
        wait_for(
            lambda: ask('housing_evaluation_labeled_rows{version="v2"}'), 60, "the verdict", compose
        )
        alertmanagers = prometheus.get("/api/v1/alertmanagers").json()["data"]
        assert alertmanagers["activeAlertmanagers"]


def test_the_registry_and_the_log_outlive_the_containers(compose: Compose) -> None:
    compose("down", "--timeout", "10")
    compose("up", "--detach", *SERVICES)
    api = compose.address("api", 8000)
    wait_until_ready(api, timeout=60)
    served = httpx.get(f"{api}/version").json()["version"]
    assert served != "v1"
