"""Run the workflows step by step, as a fresh runner would: `act`, on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.system.container_registry import PASSWORD, USER, ContainerRegistry
from tests.system.docker_engine import DockerEngine

RUNNER = "ubuntu-24.04"
STAND_INS = Path(__file__).with_name("act")  # for actions, by name; `act` itself checks out
PINNED = re.compile(r"uses: ([\w-]+/([\w-]+)@[0-9a-f]{40})")
PYTHONS = ("3.11", "3.12", "3.13")
IMAGE_NAME = "Acme/Housing"  # a repository's name may have capitals, an image's not


def act() -> str | None:
    """Return the program, from this interpreter's folder or from PATH."""
    return shutil.which("act", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


@dataclass(frozen=True)
class Run:
    """An ended workflow run."""

    code: int
    output: str
    summary: str

    def conclusion(self, job: str) -> str:
        """Return `success`, `failure`, or `skipped` where the job never ran."""
        ends = re.findall(
            rf"^\[[^\]]*{re.escape(job)}(?:-\d+)?\s*\].*🏁\s+Job (succeeded|failed)",
            self.output,
            re.M,
        )
        if not ends:
            return "skipped"
        return {"succeeded": "success", "failed": "failure"}[ends[-1]]


def pythons(folder: Path) -> dict[str, Path]:
    """Return a folder for PATH by version, as far as interpreters are on this machine."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found: dict[str, Path] = {}
    for version in PYTHONS:
        name = f"python{version}"
        known = [str(path) for path in home.glob(f"versions/{version}.*/bin/{name}")]
        for path in filter(None, [*known, shutil.which(name)]):
            asked = subprocess.run(
                [path, "-c", "import venv, ensurepip"], capture_output=True, check=False
            )
            if asked.returncode == 0:
                found[version] = folder / version / "bin"
                found[version].mkdir(parents=True)
                for link in ("python", "python3", name):
                    (found[version] / link).symlink_to(path)
                break
    return found


class Runner:
    """A repository on a forge, whose every run starts on an empty machine."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder = folder
        self.repository = repository
        self.attestations = folder / "attestations"
        self.published = folder / "published"  # on the package index
        self.pythons = pythons(folder / "pythons")
        self.last = Run(0, "", "")
        self._runs = 0
        git(repository, "init", "--quiet", "--initial-branch", "main")
        git(repository, "remote", "add", "origin", f"https://github.com/{IMAGE_NAME}.git")
        self.commit("first")

    def commit(self, message: str) -> str:
        """Record everything in the repository, `logs/` too; return the commit."""
        git(self.repository, "add", "--all", "--force")
        git(self.repository, "commit", "--quiet", "--allow-empty", "--message", message)
        return git(self.repository, "rev-parse", "HEAD")

    def run(
        self,
        workflow: str,
        event: str = "workflow_dispatch",
        *,
        job: str | None = None,
        inputs: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        ref: str = "refs/heads/main",
    ) -> Run:
        """Run one workflow, or one job of it, to its end, with the Pythons of this machine.

        `variables` are the repository's, `environment` is the machine's.
        """
        self._runs += 1
        home = self.folder / f"run-{self._runs}"
        (home / ".config/act").mkdir(parents=True)
        (home / ".config/act/actrc").touch()
        payload = {"inputs": dict(inputs or {}), "ref": ref}
        (home / "event.json").write_text(json.dumps(payload))
        (home / "at-exit.sh").write_text(
            'if [ -z "${STEP_SHELL:-}" ]; then\n'
            "  export STEP_SHELL=$$\n"
            # `act` does not wait for the last lines of a step that fails.
            f'  trap \'code=$?; cat "$GITHUB_STEP_SUMMARY" >> {home}/summary.md;'
            " [ $code = 0 ] || sleep 0.5; exit $code' EXIT\n"
            "fi\n"
        )
        passed = {
            "HOME": str(home),
            "ARTIFACTS": str(home / "artifacts"),
            "ATTESTATIONS": str(self.attestations),
            "PUBLISHED": str(self.published),
            "PYTHONS": str(self.folder / "pythons"),
            "GITHUB_RUN_ID": f"{1000 + self._runs}",
            "PATH": os.environ["PATH"],
            # `act` throws summaries away: each step's shell adds its own to a file when it ends.
            "BASH_ENV": str(home / "at-exit.sh"),
            **(environment or {}),
        }
        workflows = self.repository / ".github/workflows"
        command = [
            str(act()), event, "--workflows", f".github/workflows/{workflow}.yml",
            "--eventpath", str(home / "event.json"),
            "--platform", f"{RUNNER}=-self-hosted",
            "--no-cache-server", "--artifact-server-addr", "127.0.0.1",
            "--use-gitignore=false", "--action-cache-path", str(home / "cache"),
            "--secret", "GITHUB_TOKEN=nothing",
        ]  # fmt: skip
        if job is not None:
            command += ["--job", job]
        for version in self.pythons:
            command += ["--matrix", f"python:{version}"]
        used = {
            found.groups()
            for path in workflows.glob("*.yml")
            for found in PINNED.finditer(path.read_text())
        }
        for action, name in sorted(used):
            if name != "checkout":
                command += [
                    "--local-repository", f"https://github.com/{action}={STAND_INS / name}",
                ]  # fmt: skip
        for key, value in (inputs or {}).items():
            command += ["--input", f"{key}={value}"]
        for key, value in (variables or {}).items():
            command += ["--var", f"{key}={value}"]
        for key, value in (secrets or {}).items():
            command += ["--secret", f"{key}={value}"]
        for key, value in passed.items():
            command += ["--env", f"{key}={value}"]
        outer = ("HOUSING_", "GITHUB_", "DOCKER_")
        known = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
        output = home / "output.log"
        with output.open("wb") as log:
            done = subprocess.run(
                command, cwd=self.repository, env=known | passed, timeout=600, check=False,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        written = home / "summary.md"
        summary = written.read_text() if written.exists() else ""
        self.last = Run(done.returncode, output.read_text(), summary)
        return self.last


class ImageRunner(Runner):
    """One whose runs build images with a Docker engine, and push them to a registry."""

    def __init__(
        self, folder: Path, engine: DockerEngine, registry: ContainerRegistry, repository: Path
    ) -> None:
        super().__init__(folder, repository)
        self.engine = engine
        self.registry = registry
        self.image = f"{registry.host}/{IMAGE_NAME.lower()}"

    def forget_images(self) -> None:
        """Leave the next run nothing of the images that earlier ones pulled or pushed."""
        known = self.engine("images", "--quiet", self.image, check=False).stdout.split()
        tags = self.engine(
            "images", "--format", "{{.Repository}}:{{.Tag}}", self.image, check=False
        ).stdout.split()
        if known:
            self.engine("rmi", "--force", "--no-prune", *tags, check=False)

    def run(
        self,
        workflow: str,
        event: str = "workflow_dispatch",
        *,
        job: str | None = None,
        inputs: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        ref: str = "refs/heads/main",
        token: str = PASSWORD,
    ) -> Run:
        """Run one workflow to its end, logged in to the registry by `token`."""
        self.forget_images()
        known = self.engine.environment
        return super().run(
            workflow,
            event,
            job=job,
            inputs=inputs,
            secrets={"REGISTRY_TOKEN": token, **(secrets or {})},
            variables={
                "REGISTRY": self.registry.host,
                "IMAGE_NAME": IMAGE_NAME,
                "REGISTRY_USER": USER,
                **(variables or {}),
            },
            environment={
                "DOCKER_CONFIG": str(self.folder / f"run-{self._runs + 1}/docker"),
                "DOCKER_HOST": known["DOCKER_HOST"],
                "DOCKER_BUILDKIT": "1",
                "PATH": known["PATH"],
                **(environment or {}),
            },
            ref=ref,
        )


def git(folder: Path, *arguments: str) -> str:
    """Run a git command as somebody."""
    identity = {"NAME": "Test", "EMAIL": "test@example.org"}
    who = {f"GIT_{r}_{k}": v for r in ("AUTHOR", "COMMITTER") for k, v in identity.items()}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | who, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def without_checks(folder: Path) -> None:
    """Put stand-ins that take notes where a clone runs what this very test run consists of."""
    (folder / ".venv/bin").mkdir(parents=True)
    for name in (".ci/test", ".venv/bin/ruff", ".venv/bin/lint-imports", ".venv/bin/mypy"):
        (folder / name).write_text(
            f'#!/bin/sh\necho "called {Path(name).name} $* with $("${{PYTHON:-python3}}" -V)"\n'
        )
        (folder / name).chmod(0o755)
