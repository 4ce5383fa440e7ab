"""The workflows: checked as files, and executed from a bare state through the whole loop."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from housing_cli import __version__
from tests.system.docker_engine import REPOSITORY, clean_copy
from tests.system.runner import (
    IMAGE_NAME,
    PINNED,
    PYTHONS,
    ImageRunner,
    Runner,
    act,
    git,
    without_checks,
)
from tests.system.test_image import rows, wait_until_ready

WORKFLOWS = REPOSITORY / ".github/workflows"
ACTION = REPOSITORY / ".github/actions/housing/action.yml"
NAME = IMAGE_NAME.lower()


def tool(name: str) -> str:
    """Return a linter's path, beside this interpreter or on PATH; skip where there is none."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}") or shutil.which(name)
    if found is None:
        pytest.skip(f"`{name}` is not installed")
    return found


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("actionlint", [str(path) for path in sorted(WORKFLOWS.glob("*.yml"))]),
        ("zizmor", ["--offline", "--quiet", str(WORKFLOWS), str(ACTION)]),
        (
            "check-jsonschema",
            ["--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS.glob("*.yml"))],
        ),
        ("check-jsonschema", ["--builtin-schema", "vendor.github-actions", str(ACTION)]),
        ("shellcheck", [str(path) for path in REPOSITORY.glob("configs/**/*.sh")]),
        (
            "shellcheck",
            [str(path) for path in REPOSITORY.glob(".ci/*") if path.suffix != ".txt"],
        ),
        ("hadolint", [str(REPOSITORY / "Dockerfile")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_linters_find_nothing(program: str, arguments: list[str]) -> None:
    done = subprocess.run([tool(program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_untrusted_text_stands_in_a_shell_line() -> None:
    for path in WORKFLOWS.glob("*.yml"):
        inside = None
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            indent = len(line) - len(line.lstrip())
            if inside is not None and line.strip() and indent <= inside:
                inside = None
            if line.strip().startswith(("run:", "- run:")):
                inside = indent
            assert inside is None or "${{" not in line, f"{path.name}:{number}"


def test_every_job_has_a_time_limit_and_every_action_a_full_hash() -> None:
    for path in WORKFLOWS.glob("*.yml"):
        text = path.read_text()
        assert "\npermissions: {}\n" in text
        assert text.count("runs-on:") == text.count("timeout-minutes:")
        for used in re.findall(r"uses: (\S+)", text):
            assert used.startswith("./") or PINNED.fullmatch(f"uses: {used}")


# Executed


@pytest.fixture
def plain_runner(tmp_path: Path) -> Runner:
    """A repository whose workflows need no Docker engine."""
    if act() is None:
        pytest.skip("`act` is not installed")
    return Runner(tmp_path, clean_copy(tmp_path / "repository"))


def test_the_pipeline_checks_with_each_python(plain_runner: Runner) -> None:
    without_checks(plain_runner.repository)
    plain_runner.commit("checks that take notes")
    if not plain_runner.pythons:
        pytest.skip(f"no Python {', '.join(PYTHONS)} is installed")
    run = plain_runner.run("pipeline", "push", job="versions")
    assert run.code == 0, run.output
    for version in PYTHONS:
        here = version in plain_runner.pythons
        assert run.conclusion(f"Python {version}") == ("success" if here else "skipped")
        assert (f"called test --quick with Python {version}." in run.output) == here
    called = len(plain_runner.pythons)
    for check in ("ruff check .", "ruff format --check .", "lint-imports", "mypy"):
        assert run.output.count(f"called {check} ") == called


def test_the_pipeline_checks_with_what_is_promised() -> None:
    pipeline = (WORKFLOWS / "pipeline.yml").read_text()
    listed = ", ".join(f'"{version}"' for version in PYTHONS)
    assert f"python: [{listed}]\n" in pipeline
    lowest = f'requires-python = ">={PYTHONS[0]}"'
    assert lowest in (REPOSITORY / "pyproject.toml").read_text()
    assert f"for version in {' '.join(PYTHONS)}; do" in (REPOSITORY / ".ci/run").read_text()


@pytest.fixture
def offline(plain_runner: Runner, tmp_path: Path) -> dict[str, str]:
    """What a release needs of the package index is what this interpreter has beside `housing`."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(str(metadata.distribution("numpy").locate_file(""))).iterdir():
        ours = entry.name.startswith(("housing_", "__editable__", "pip", "setuptools"))
        if not ours and entry.suffix != ".pth":
            (packages / entry.name).symlink_to(entry)
    for folder in (tmp_path / "pythons").iterdir():
        for link in (folder / "bin").iterdir():  # the only Python that can import them
            link.unlink()
            link.symlink_to(Path(sys.executable).resolve())
    return {"PYTHONPATH": str(packages), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}


@pytest.mark.slow
def test_a_tag_on_main_releases_what_was_built_and_checked(
    plain_runner: Runner, offline: dict[str, str]
) -> None:
    runner = plain_runner
    (runner.repository / "logs/predictions.csv").write_text("what users asked\n")
    main = runner.commit("a log, as `git add --force logs` records it")
    git(runner.repository, "update-ref", "refs/remotes/origin/main", main)
    run = runner.run("release", "push", ref=f"refs/tags/v{__version__}", environment=offline)
    assert run.code == 0, run.output
    assert run.conclusion("Publish") == "success"
    wheel = runner.published / f"housing_loop-{__version__}-py3-none-any.whl"
    sdist = runner.published / f"housing_loop-{__version__}.tar.gz"
    assert sorted(runner.published.iterdir()) == [wheel, sdist]
    assert runner.attestations.read_text().splitlines() == [
        f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()} provenance"
        for path in (wheel, sdist)
    ]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "NOTICE", "housing_cli/__init__.py", "tests/conftest.py"} <= names
    assert "logs/predictions.csv" not in names


@pytest.mark.parametrize(
    ("ref", "on_main", "said"),
    [
        ("refs/tags/v9.9.9", True, "delete the tag, set the version in housing_cli/__init__.py"),
        (f"refs/tags/v{__version__}", False, f"v{__version__} is no commit of main"),
        ("refs/heads/main", True, "refs/heads/main is no tag"),
    ],
    ids=["another version", "another branch's commit", "no tag"],
)
def test_what_is_no_release_publishes_nothing_and_says_why(
    plain_runner: Runner, ref: str, on_main: bool, said: str
) -> None:
    runner = plain_runner
    main = git(runner.repository, "rev-parse", "HEAD")
    git(runner.repository, "update-ref", "refs/remotes/origin/main", main)
    if not on_main:
        runner.commit("unreviewed")
    run = runner.run("release", "push", ref=ref)
    assert run.code != 0
    assert said in run.output
    assert run.conclusion("Build and check") == "failure"
    assert run.conclusion("Publish") == "skipped"
    assert not runner.published.exists()


def record(runner: ImageRunner, tag: str, factors: list[float]) -> None:
    """Let the published image predict one row a factor, and send price x factor as feedback."""
    engine = runner.engine
    logs = runner.repository / "logs"
    logs.chmod(0o777)
    for file in logs.iterdir():
        file.chmod(0o666)
    engine("login", runner.registry.host, "--username", "ci", "--password", "not-a-secret")
    options = ["--publish", "127.0.0.1::8000", "--volume", f"{logs}:/app/logs"]
    with engine.running(*options, f"{runner.image}:{tag}") as container:
        url = engine.address(container)
        wait_until_ready(url)
        table = rows(len(factors))
        with httpx.Client(base_url=url) as client:
            answer = client.post("/predict/batch", json={"rows": [row for row, _ in table]})
            for made, factor in zip(answer.json()["predictions"], factors, strict=True):
                body = {"id": made["id"], "real_price": made["predicted_price"] * factor}
                assert client.post("/feedback", json=body).status_code == 200
        engine("stop", container)
    runner.commit("new log")


WOBBLE = [0.93, 1.07, 0.98, 1.03, 1.0]
HEALTHY = WOBBLE * 24
DEGRADED = [1.45 * factor for factor in HEALTHY]
# Prices rose for a while and fell back: what was learned on the way up is no help now.
OVER_AGAIN = [1.6 * factor for factor in HEALTHY[:84]] + HEALTHY[84:]


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.xdist_group("docker")
class TestExecuted:
    def test_the_first_push_publishes_a_first_model(self, published: ImageRunner) -> None:
        run = published.last
        tags = published.registry.tags(NAME)
        labels = published.registry.labels(NAME, "v1")
        commit = labels["org.opencontainers.image.revision"]
        assert len(commit) == 40
        assert set(tags) == {"production", "v1", f"v1-{commit[:12]}"}
        assert len(set(tags.values())) == 1
        for called in ("test", "ruff check", "ruff format", "lint-imports", "mypy"):
            assert f"called {called}" in run.output
        assert labels["housing.model.version"] == "v1"
        assert len(labels["housing.data.sha256"]) == 64
        digest = tags["v1"]
        kept = published.attestations.read_text().splitlines()
        assert kept == [
            f"{published.image} {digest} provenance",
            f"{published.image} {digest} sbom.cdx.json",
        ]
        assert "Published v1 (before: none)" in run.summary

    def test_a_healthy_model_is_left_alone(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", HEALTHY)
        before = runner.registry.tags(NAME)
        run = runner.run("evaluate", "schedule")
        assert run.code == 0, run.output
        assert run.conclusion("Judge production") == "success"
        assert "v1 is healthy" in run.summary
        assert "housing-api:candidate" not in run.output
        assert runner.registry.tags(NAME) == before

    def test_a_degraded_model_is_replaced_and_the_next_evaluation_judges_its_successor(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        runner.registry.untag(NAME, "v1")  # as if the run that published it had been cut off
        record(runner, "production", DEGRADED)
        before = runner.registry.tags(NAME)

        run = runner.run("evaluate", "schedule")
        assert run.code == 0, run.output
        after = runner.registry.tags(NAME)
        assert after["v1"] == before["production"], "the missing tag was made good"
        assert after["v2"] == after["production"] != before["production"]
        assert runner.registry.labels(NAME, "v2")["housing.model.version"] == "v2"
        assert "Published v2 (before: v1)" in run.summary
        assert "v1 is degraded" in run.summary
        shown = runner.engine("run", "--rm", f"{runner.image}:v2", "registry", "show", "v2").stdout
        assert any(line.split() == ["parent", "v1"] for line in shown.splitlines()), shown

        run = runner.run("evaluate", "schedule")
        assert run.code == 0, run.output
        assert "v2 is not judged" in run.summary, "v1's errors say nothing about v2"
        record(runner, "production", HEALTHY)
        run = runner.run("evaluate")
        assert "v2 is healthy" in run.summary
        assert runner.registry.tags(NAME) == after

        # Code changes: the same model in a new image.
        commit = runner.commit("a change")
        run = runner.run("pipeline", "push")
        assert run.code == 0, run.output
        rebuilt = runner.registry.tags(NAME)
        assert rebuilt["production"] == rebuilt[f"v2-{commit[:12]}"]
        assert (rebuilt["v1"], rebuilt["v2"]) == (after["v1"], after["v2"])

        # And back by hand: the model goes back, the numbering does not.
        run = runner.run("retrain_and_build", inputs={"action": "rollback", "reason": "a test"})
        assert run.code == 0, run.output
        back = runner.registry.tags(NAME)
        assert runner.registry.labels(NAME, "production")["housing.model.version"] == "v1"
        assert (back["v1"], back["v2"]) == (after["v1"], after["v2"])
        record(runner, "production", DEGRADED)
        run = runner.run("evaluate", "schedule")
        assert run.code == 0, run.output
        assert runner.registry.labels(NAME, "production")["housing.model.version"] == "v3"

    def test_a_refused_challenger_leaves_no_image_and_says_why(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", OVER_AGAIN)
        before = runner.registry.tags(NAME)
        run = runner.run("evaluate", "schedule")
        assert run.code == 0, run.output
        assert "the gate refused the challenger" in run.output
        assert "is not better than v1" in run.summary
        assert runner.registry.tags(NAME) == before

    @pytest.mark.parametrize(
        ("inputs", "secrets", "code"),
        [({}, {"HOUSING_LOG_URL": "bogus:password-in-here"}, 1), ({"threshold": "x"}, {}, 64)],
        ids=["crash", "usage"],
    )
    def test_an_error_of_evaluate_is_red_and_starts_nothing(
        self,
        published: ImageRunner,
        new_runner: Callable[..., ImageRunner],
        inputs: dict[str, str],
        secrets: dict[str, str],
        code: int,
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", DEGRADED[:40])
        before = runner.registry.tags(NAME)
        run = runner.run("evaluate", inputs=inputs, secrets=secrets)
        assert run.code != 0
        assert run.conclusion("Judge production") == "failure"
        assert f"evaluate failed with exit code {code}" in run.output
        assert "housing-api:candidate" not in run.output
        assert "password-in-here" not in run.output
        assert runner.registry.tags(NAME) == before

    def test_a_run_that_was_overtaken_publishes_nothing(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner], tmp_path: Path
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", DEGRADED)
        # Another publisher moves `production` while this run retrains.
        shim = tmp_path / "docker"
        docker = runner.engine.docker
        shim.write_text(
            f"#!/bin/sh\n"
            f'if [ "$1" = build ] && mkdir {tmp_path}/moved 2>/dev/null; then\n'
            f"  printf 'FROM {runner.image}:production\\nLABEL other=1\\n' \\\n"
            f"    | {docker} build -q -t {runner.image}:production - && \\\n"
            f"    {docker} push -q {runner.image}:production\n"
            f"fi\n"
            f'exec {docker} "$@"\n'
        )
        shim.chmod(0o755)
        path = {"PATH": f"{tmp_path}:{runner.engine.environment['PATH']}"}
        run = runner.run("evaluate", "schedule", environment=path)
        assert run.code != 0
        assert "production moved while this run was at work" in run.output
        assert "v2" not in runner.registry.tags(NAME)

    def test_a_version_that_is_published_is_never_written_again(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        record(runner, "production", DEGRADED)
        runner.engine("pull", f"{runner.image}:production")
        runner.engine("tag", f"{runner.image}:production", f"{runner.image}:v2")
        runner.engine("push", f"{runner.image}:v2")
        before = runner.registry.tags(NAME)
        run = runner.run("evaluate", "schedule")
        assert run.code != 0
        assert "v2 is published already and never changes" in run.output
        assert runner.registry.tags(NAME) == before

    def test_a_wrong_registry_password_is_red_and_publishes_nothing(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        before = runner.registry.tags(NAME)
        run = runner.run("retrain_and_build", inputs={"action": "rebuild"}, token="wrong")
        assert run.code != 0
        assert runner.registry.tags(NAME) == before

    def test_a_registry_that_denies_what_it_does_not_have_takes_a_first_image(
        self, new_runner: Callable[..., ImageRunner], tmp_path: Path
    ) -> None:
        runner = new_runner()
        docker = runner.engine.docker
        shim = tmp_path / "docker"
        shim.write_text(
            "#!/bin/sh\n"
            f'[ "$1" = pull ] || exec {docker} "$@"\n'
            f'if ! {docker} "$@" 2> {tmp_path}/said; then\n'
            '  echo "denied: requested access to the resource is denied" >&2; exit 1\n'
            "fi\n"
        )
        shim.chmod(0o755)
        path = {"PATH": f"{tmp_path}:{runner.engine.environment['PATH']}"}
        run = runner.run("retrain_and_build", inputs={"action": "rebuild"}, environment=path)
        assert run.code != 0
        assert "start this workflow by hand with the action `first`" in run.output
        run = runner.run("retrain_and_build", inputs={"action": "first"}, environment=path)
        assert run.code == 0, run.output
        assert "v1" in runner.registry.tags(NAME)
        run = runner.run("retrain_and_build", inputs={"action": "first"}, environment=path)
        assert run.code != 0
        assert "v1 is in production already" in run.output

    def test_a_branch_publishes_nothing(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        before = runner.registry.tags(NAME)
        git(runner.repository, "checkout", "--quiet", "-b", "feature")
        runner.commit("unreviewed")
        run = runner.run(
            "retrain_and_build", inputs={"action": "rebuild"}, ref="refs/heads/feature"
        )
        assert run.code != 0
        assert "refs/heads/feature is not main" in run.output
        assert runner.registry.tags(NAME) == before

    def test_without_a_log_the_evaluation_says_so(
        self, published: ImageRunner, new_runner: Callable[..., ImageRunner]
    ) -> None:
        runner = new_runner(published)
        run = runner.run("evaluate", "schedule")
        assert run.code == 0, run.output
        assert "Nothing is judged: no prediction log" in run.summary

    def test_without_an_image_the_evaluation_names_the_workflow_that_makes_one(
        self, new_runner: Callable[..., ImageRunner]
    ) -> None:
        run = new_runner().run("evaluate", "schedule")
        assert run.code != 0
        assert "the Pipeline workflow on main publishes the first" in run.output
