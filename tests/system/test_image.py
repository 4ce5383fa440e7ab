"""The image, built and run by a real Docker engine."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log.csv.log import CsvLog
from tests.conftest import FEATURES
from tests.system.conftest import Built
from tests.system.docker_engine import REPOSITORY

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

SEALED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
PUBLISHED = ["--publish", "127.0.0.1::8000"]


def rows(n: int) -> list[tuple[dict[str, float], float]]:
    """Return the first n rows of the shipped table: features and price."""
    with (REPOSITORY / "data/HousingData.csv").open() as file:
        table = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    return [({k: v for k, v in row.items() if k != "MEDV"}, row["MEDV"]) for row in table[:n]]


def wait_until_ready(url: str, timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "not ready in time"
        time.sleep(0.05)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A log directory that the image's user may write."""
    folder = tmp_path / "logs"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="module")
def with_artifacts(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose `artifacts/` holds the registry of the built image."""
    context = tmp_path_factory.mktemp("with-artifacts")
    shutil.copytree(built.context, context, dirs_exist_ok=True)
    container = built.engine("create", built.image).stdout.strip()
    built.engine("cp", f"{container}:/app/artifacts/.", str(context / "artifacts"))
    built.engine("rm", container)
    return context


def verb(built: Built, *arguments: str, image: str = "") -> dict[str, Any]:
    """Run a verb in a container and return its `--json` object."""
    done = built.engine("run", "--rm", image or built.image, *arguments, "--json", check=False)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_clone_without_artifacts_gets_a_first_model_during_the_build(built: Built) -> None:
    listed = verb(built, "registry", "ls")["data"]
    assert listed["aliases"] == {"production": "v1"}
    assert listed["versions"][0]["rows"] == 506


def test_rows_predicted_in_one_container_are_judged_in_another(built: Built, logs: Path) -> None:
    """The loop in sealed containers: predict, feed back, stop, start again, evaluate."""
    mounted = ["--volume", f"{logs}:/app/logs"]
    with built.engine.running(*SEALED, *PUBLISHED, *mounted, built.image) as container:
        url = built.engine.address(container)
        wait_until_ready(url)
        for row, price in rows(40):
            answer = httpx.post(f"{url}/predict", json=row).json()
            body = {"id": answer["id"], "real_price": price * 1.5}
            assert httpx.post(f"{url}/feedback", json=body).status_code == 200
        built.engine("stop", "--time", "20", container)
        assert built.engine.inspect(container)["State"]["ExitCode"] == 0
        built.engine("start", container)
        url = built.engine.address(container)
        wait_until_ready(url)
        assert httpx.post(f"{url}/predict", json=rows(1)[0][0]).status_code == 200
        done = built.engine(
            "run", "--rm", *SEALED, *mounted, built.image, "evaluate", "--json", check=False
        )
    assert done.returncode == 2, done.stderr
    data = json.loads(done.stdout)["data"]
    assert (data["version"], data["n"], data["verdict"]) == ("v1", 40, "degraded")


def test_a_log_directory_that_cannot_be_written_is_an_error_at_start(
    built: Built, tmp_path: Path
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o755)
    done = built.engine(
        "run", "--rm", "--volume", f"{folder}:/app/logs", built.image, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_runs_as_any_user_with_writable_logs(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir(mode=0o700)
    shutil.chown(folder, 4321, 4321)
    options = [*SEALED, *PUBLISHED, "--user", "4321:4321", "--volume", f"{folder}:/app/logs"]
    with built.engine.running(*options, built.image) as container:
        url = built.engine.address(container)
        wait_until_ready(url)
        assert httpx.post(f"{url}/predict", json=rows(1)[0][0]).status_code == 200


def test_several_workers_need_only_a_temporary_folder(built: Built) -> None:
    options = [*SEALED, *PUBLISHED, "--tmpfs", "/tmp", "--tmpfs", "/app/logs"]
    with built.engine.running(*options, built.image, "serve", "--workers", "2") as container:
        url = built.engine.address(container)
        wait_until_ready(url)
        assert "housing_model_info" in httpx.get(f"{url}/metrics").text


def test_the_health_check_finds_it_healthy_and_then_not(built: Built) -> None:
    options = ["--health-interval", "1s", "--health-retries", "1", "--tmpfs", "/app/logs"]
    with built.engine.running(*options, built.image) as container:

        def wait_for(status: str) -> None:
            deadline = time.monotonic() + 30
            while built.engine.inspect(container)["State"]["Health"]["Status"] != status:
                assert time.monotonic() < deadline, built.engine("logs", container).stderr
                time.sleep(0.2)

        wait_for("healthy")
        worker = built.engine("top", container).stdout.splitlines()[1].split()[1]
        subprocess.run(["kill", "-STOP", worker], check=True)
        wait_for("unhealthy")
        subprocess.run(["kill", "-CONT", worker], check=True)


def test_the_user_is_not_root_and_no_package_installer_is_in_the_environment(built: Built) -> None:
    config = built.engine.inspect(built.image)["Config"]
    assert config["User"] == "1000:1000"
    assert config["Entrypoint"] == ["housing"]
    assert config["Cmd"] == ["serve"]
    listed = built.engine("run", "--rm", "--entrypoint", "ls", built.image, "/opt/venv/bin").stdout
    assert "housing" in listed
    assert "pip" not in listed.split()


def test_artifacts_are_baked_in_unchanged(built: Built, with_artifacts: Path) -> None:
    built.engine.build(
        with_artifacts, "housing-api:baked", "--build-arg", "MODEL_VERSION=v1",
        "--build-arg", "GIT_COMMIT=0123abc",
    )  # fmt: skip
    before = verb(built, "registry", "show", "production")["data"]
    after = verb(built, "registry", "show", "production", image="housing-api:baked")["data"]
    assert after["files"] == before["files"]
    assert after["created"] == before["created"]
    labels = built.engine.inspect("housing-api:baked")["Config"]["Labels"]
    assert labels["housing.model.version"] == "v1"
    assert labels["org.opencontainers.image.revision"] == "0123abc"


def test_the_same_inputs_give_the_same_layers(built: Built, with_artifacts: Path) -> None:
    layers = []
    for name, options in (("baked", ()), ("again", ("--no-cache",))):
        built.engine.build(with_artifacts, f"housing-api:{name}", *options)
        layers.append(built.engine.inspect(f"housing-api:{name}")["RootFS"]["Layers"])
    assert layers[0] == layers[1]


def test_a_model_that_is_not_what_was_registered_fails_the_build(
    built: Built, with_artifacts: Path, tmp_path: Path
) -> None:
    shutil.copytree(with_artifacts, tmp_path, dirs_exist_ok=True)
    model = tmp_path / "artifacts/versions/v1/model.onnx"
    spoiled = bytearray(model.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    model.write_bytes(spoiled)
    done = built.engine.build(tmp_path, "housing-api:tampered", check=False)
    assert done.returncode != 0
    assert "is not the file that was registered" in done.stdout + done.stderr
    assert built.engine("image", "inspect", "housing-api:tampered", check=False).returncode != 0


def test_every_verb_works_on_a_mounted_registry(built: Built, tmp_path: Path, logs: Path) -> None:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    artifacts.chmod(0o777)
    mounts = ["--volume", f"{artifacts}:/app/artifacts", "--volume", f"{logs}:/app/logs"]
    quick = ["--set", "model.params.n_estimators=5", "--set", "train.repeats=1"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return built.engine("run", "--rm", *SEALED, *mounts, built.image, *arguments, check=False)

    assert run("train", *quick).returncode == 0
    assert run("train", *quick, "--seed", "7", "--tag", "second").returncode == 0
    assert run("promote", "second", "--force", "--reason", "a test").returncode == 0
    assert run("promote", "--rollback").returncode == 0
    assert run("registry", "verify").returncode == 0
    assert run("evaluate", "--strict").returncode == 3
    refused = run("retrain")
    assert refused.returncode == 1, refused.stderr  # no real prices yet
    assert "Traceback" not in refused.stderr
    assert run("evaluate", "--treshold", "1").returncode == 64


def smoke(built: Built, image: str, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "configs/image/smoke.sh", image, version],
        cwd=built.context,
        env=built.engine.environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("target", ["runtime", "serving"])
def test_the_workflows_smoke_test_passes(built: Built, with_artifacts: Path, target: str) -> None:
    image = f"housing-api:smoke-{target}"
    built.engine.build(with_artifacts, image, target=target)
    done = smoke(built, image, "v1")
    assert done.returncode == 0, done.stderr
    assert "serves v1" in done.stdout
    assert not built.engine("ps", "--quiet").stdout


def test_the_smoke_test_refuses_another_version(built: Built) -> None:
    done = smoke(built, built.image, "v7")
    assert done.returncode == 1
    assert "serves v1, not v7" in done.stderr


def write_log(folder: Path, labels: int) -> None:
    """Write a csv log of v1 with so many labeled rows of the shipped table."""
    log = CsvLog(folder, FeatureSchema(tuple(FEATURES), "MEDV"))
    table = rows(452)
    with (folder / "feedback.csv").open("w") as feedback:
        feedback.write("id,timestamp,real_price\n")
        for start in range(0, labels, 10_000):
            part = [table[(start + n) % len(table)] for n in range(10_000)]
            features = [list(row.values()) for row, _ in part]
            ids = log.append("v1", features, [price + 1.5 for _, price in part])
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            lines = zip(ids, part, strict=True)
            feedback.writelines(f"{key},{at},{price}\n" for key, (_, price) in lines)
    log.close()


def test_the_full_image_judges_and_learns_from_150_000_labels(built: Built, logs: Path) -> None:
    write_log(logs, 150_000)
    mounted = ["--volume", f"{logs}:/app/logs:ro"]
    judged = built.engine("run", "--rm", *mounted, built.image, "evaluate", "--json")
    data = json.loads(judged.stdout)["data"]
    assert (data["version"], data["verdict"], data["n"]) == ("v1", "healthy", 150_000)
    small = ("train.repeats=1", "train.folds=2", "model.params.n_estimators=3")
    done = built.engine(
        "run", "--rm", *mounted, built.image, "retrain", "--force", "--json",
        *(word for setting in small for word in ("--set", setting)), check=False,
    )  # fmt: skip
    learned = json.loads(done.stdout)
    assert learned["exit_code"] == 0, done.stderr
    assert learned["data"]["version"] == "v2"


def test_sizes_stay_within_bounds(built: Built, with_artifacts: Path) -> None:
    built.engine.build(with_artifacts, "housing-api:serving", target="serving")
    base = built.engine.inspect("python:3.12-slim")["Size"]
    full = built.engine.inspect(built.image)["Size"] - base
    serving = built.engine.inspect("housing-api:serving")["Size"] - base
    assert full < 390e6
    assert serving < 180e6


def test_what_only_learning_needs_is_not_in_the_serving_image(
    built: Built, with_artifacts: Path
) -> None:
    built.engine.build(with_artifacts, "housing-api:serving", target="serving")
    assert verb(built, "registry", "verify", image="housing-api:serving")["exit_code"] == 0
    found = "import importlib.util as u; print([m for m in %r if u.find_spec(m)])"
    code = found % (["sklearn", "pandas", "scipy", "joblib", "onnx", "skl2onnx", "duckdb"],)
    done = built.engine("run", "--rm", "--entrypoint", "python", "housing-api:serving", "-c", code)
    assert done.stdout.strip() == "[]"


def test_the_serving_image_shows_what_can_be_known_without_learning(
    built: Built, with_artifacts: Path
) -> None:
    built.engine.build(with_artifacts, "housing-api:serving", target="serving")
    options = [*SEALED, *PUBLISHED, "--tmpfs", "/app/logs", "--env", "HOUSING_API_KEYS=key"]
    with built.engine.running(*options, "housing-api:serving") as container:
        url = built.engine.address(container)
        wait_until_ready(url)
        assert httpx.get(url).status_code == 401
        text = httpx.get(url, auth=("operator", "key")).text
    assert 'data-verdict="unknown"' in text
    assert "This installation only serves: the judgment needs pandas, scipy, sklearn" in text
    assert '<span class="alias production">production</span>' in text


def test_the_bill_of_materials_names_what_is_in_the_image(built: Built) -> None:
    script = built.context / "configs/image/sbom.py"
    done = built.engine(
        "run", "--rm", "--read-only", "--network", "none", "--entrypoint", "python",
        "--volume", f"{script}:/sbom.py:ro", built.image, "/sbom.py",
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", document["serialNumber"])
    urls = {component["purl"].partition("@")[0] for component in document["components"]}
    assert {"pkg:pypi/housing-loop", "pkg:pypi/onnxruntime", "pkg:generic/python"} <= urls
    assert "pkg:deb/debian/libc6" in urls


def test_the_image_reports_no_use_to_anyone(built: Built) -> None:
    environment = built.engine.inspect(built.image)["Config"]["Env"]
    assert "ORT_DISABLE_TELEMETRY=1" in environment
    with built.engine.running("--tmpfs", "/app/logs", *PUBLISHED, built.image) as container:
        wait_until_ready(built.engine.address(container))
        assert "telemetry" not in built.engine("logs", container).stderr
