"""A container registry on loopback that asks for a password: Debian's `docker-registry`."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

USER, PASSWORD = "ci", "not-a-secret"
# Of PASSWORD; the registry reads bcrypt alone.
HASH = "$2b$05$abcdefghijklmnopqrstuuVPNOToLP9MHdthRCXkVoiIF0qNKnk2G"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class ContainerRegistry:
    """A registry process; `folder` holds all that it has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "htpasswd").write_text(f"{USER}:{HASH}\n")
        (folder / "config.yml").write_text(
            "version: 0.1\n"
            "log: {accesslog: {disabled: true}, level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
            f"http: {{addr: '{self.host}'}}\n"
            f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"
        )
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self._client = httpx.Client(base_url=f"http://{self.host}/v2/", auth=(USER, PASSWORD))
        deadline = time.monotonic() + 15
        while True:
            try:
                if self._client.get("").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((folder / "log").read_text())
            time.sleep(0.05)

    def copy_of(self, other: ContainerRegistry) -> None:
        """Hold what `other` holds, in place of what is here."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        shutil.copytree(other.folder / "data", self.folder / "data")

    def tags(self, name: str) -> dict[str, str]:
        """Return each tag of an image with its digest."""
        listed = self._client.get(f"{name}/tags/list").json().get("tags") or []
        return {tag: self._digest(name, tag) for tag in listed}

    def _digest(self, name: str, tag: str) -> str:
        answer = self._client.get(f"{name}/manifests/{tag}", headers={"Accept": MANIFEST})
        return str(answer.headers["Docker-Content-Digest"])

    def labels(self, name: str, tag: str) -> dict[str, Any]:
        """Return the labels of an image."""
        manifest = self._client.get(f"{name}/manifests/{tag}", headers={"Accept": MANIFEST}).json()
        config = self._client.get(f"{name}/blobs/{manifest['config']['digest']}").json()
        return dict(config["config"]["Labels"])

    def untag(self, name: str, tag: str) -> None:
        """Remove one tag, as an interrupted run leaves it; the image stays under its other tags."""
        link = self.folder / "data/docker/registry/v2/repositories" / name / "_manifests/tags" / tag
        shutil.rmtree(link)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
        self._client.close()
