"""A real Docker engine for tests: started by hand, everything of it in one folder, gone after."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
BASE_IMAGE = "python:3.12-slim"


def why_not() -> str:
    """Return why no engine can be started here; empty where it can."""
    missing = [tool for tool in ("dockerd", "iptables", "ip", "mmdebstrap") if not _which(tool)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "a Docker engine of one's own needs root"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    if not list(pyenv.glob("versions/3.12.*")):
        return "no CPython 3.12 under pyenv to make the base image of"
    return ""


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=f"/usr/bin:/usr/sbin:/sbin:{os.environ.get('PATH', '')}")


class DockerEngine:
    """`dockerd` with its own socket, data, bridge and address pool."""

    def __init__(self, folder: Path, host: str = "") -> None:
        self.folder = folder
        self._name = f"hsg{os.getpid() % 1_000_000}"
        self._net = f"10.{random.randint(200, 250)}"
        self.host = host or f"unix://{folder}/docker.sock"
        self.docker = _which("docker") or "docker"
        self.bridge_address = f"{self._net}.0.1"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables of a process that is to use this engine."""
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("HOUSING_", "GITHUB_", "DOCKER_"))
        }
        return kept | {
            "PATH": f"/usr/bin:{os.environ.get('PATH', '')}",  # Debian's client, not another one
            "DOCKER_HOST": self.host,
            "DOCKER_BUILDKIT": "1",
            "DOCKER_CONFIG": str(self.folder / "config"),
        }

    def start(self) -> None:
        """Start the daemon and load the base image."""
        _run("ip", "link", "add", "name", self._name, "type", "bridge")
        _run("ip", "addr", "add", f"{self.bridge_address}/24", "dev", self._name)
        _run("ip", "link", "set", self._name, "up")
        limit = _run("bash", "-c", "ulimit -Hn").stdout.strip()
        with (self.folder / "dockerd.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(_which("dockerd")), "--host", self.host,
                    "--data-root", str(self.folder / "data"),
                    "--exec-root", str(self.folder / "exec"),
                    "--pidfile", str(self.folder / "docker.pid"),
                    "--bridge", self._name,
                    "--default-address-pool", f"base={self._net}.128.0/17,size=24",
                    "--default-ulimit", f"nofile={limit}:{limit}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while self("version", check=False).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "dockerd.log").read_text()[-2000:])
            time.sleep(0.1)

    def load_base_image(self) -> None:
        """Make the base image of the Dockerfile; takes about a minute."""
        scratch = self.folder / "base"
        subprocess.run(
            [str(Path(__file__).with_name("make_base_image.sh")), str(scratch)],
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=300,
        )  # fmt: skip
        path = "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8"
        change = ["--change", path, "--change", 'CMD ["python3"]']
        self("import", *change, str(scratch / "rootfs.tar"), BASE_IMAGE)
        shutil.rmtree(scratch)

    def stop(self) -> None:
        """End every container and the daemon; leave no mount, process, bridge or file."""
        if self._process is not None:
            with contextlib.suppress(subprocess.SubprocessError):
                running = self("ps", "--all", "--quiet", check=False).stdout.split()
                if running:
                    self("rm", "--force", "--volumes", *running, check=False)
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(10)
        with Path("/proc/mounts").open() as mounts:
            below = [line.split()[1] for line in mounts if f" {self.folder}/" in line]
        for mount in sorted(below, reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self._name], check=False, capture_output=True)
        for table, chain, rule in self._rules():
            subprocess.run(
                ["iptables", "--wait", "-t", table, "-D", chain, *rule],
                check=False,
                capture_output=True,
            )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _rules(self) -> Iterator[tuple[str, str, list[str]]]:
        """Yield the firewall rules that speak of this engine's networks."""
        for table in ("nat", "filter"):
            listed = subprocess.run(
                ["iptables", "--wait", "-t", table, "-S"],
                capture_output=True,
                text=True,
                check=False,
            )
            for line in listed.stdout.splitlines():
                if line.startswith("-A ") and (self._name in line or f" {self._net}." in line):
                    _, chain, *rule = line.split()
                    yield table, chain, rule

    def __call__(
        self,
        *arguments: str | Path,
        check: bool = True,
        timeout: float = 600,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a `docker` command."""
        done = subprocess.run(
            [self.docker, *map(str, arguments)],
            env=self.environment | dict(env or {}),
            cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and done.returncode != 0:
            command = " ".join(map(str, arguments))
            raise AssertionError(f"docker {command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def build(
        self, context: Path, tag: str, *arguments: str, target: str = "runtime", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Build one target of the context's Dockerfile, as the README says."""
        return self(
            "build", "--target", target, "--tag", tag, *arguments, ".", cwd=context, check=check
        )

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what `docker inspect` says of one image or container."""
        return json.loads(self("inspect", name).stdout)[0]  # type: ignore[no-any-return]

    def address(self, container: str, port: int = 8000) -> str:
        """Return the URL of a container's published port."""
        published = self("port", container, f"{port}/tcp").stdout.split()[0]
        return f"http://{published}"

    @contextlib.contextmanager
    def running(self, *arguments: str | Path) -> Iterator[str]:
        """Run a detached container for a while; give its id."""
        container = self("run", "--detach", *arguments).stdout.strip()
        try:
            yield container
        finally:
            self("rm", "--force", "--volumes", container, check=False)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"/usr/sbin:/sbin:{os.environ.get('PATH', '')}"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


def clean_copy(target: Path) -> Path:
    """Copy to `target` what a fresh clone of this work tree would hold, and return it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source = REPOSITORY / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target
