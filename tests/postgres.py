"""A real PostgreSQL server for tests: temporary directory, unprivileged user, random port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BINARIES = "/usr/lib/postgresql"


def binaries() -> Path | None:
    """Return the directory of the newest installed server, None if there is none."""
    found = sorted(Path(BINARIES).glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


class PostgresServer:
    """A server that listens on a port of this machine alone; `start` and `stop` at will."""

    def __init__(self) -> None:
        found = binaries()
        if found is None:
            raise FileNotFoundError("no PostgreSQL server is installed")
        self.bin = found
        self.folder = Path(tempfile.mkdtemp(prefix="housing-pg-"))
        self.folder.chmod(0o755)
        self.user = _unprivileged()
        if self.user is not None:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._run(
            "initdb", "-D", self.data, "-U", "housing", "-A", "trust", "--no-sync", "-E", "UTF8",
            "--locale=C.UTF-8",
        )  # fmt: skip

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def url(self, database: str = "postgres", password: str = "") -> str:
        user = f"housing:{password}" if password else "housing"
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
            " -c fsync=off -c full_page_writes=off"
        )
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "30", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def sql(self, statement: str, database: str = "postgres") -> None:
        import psycopg

        address = f"host=127.0.0.1 port={self.port} user=housing dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def remove(self) -> None:
        subprocess.run(
            [str(self.bin / "pg_ctl"), "-D", self.data, "-m", "immediate", "stop"],
            capture_output=True,
            check=False,
            user=self.user.pw_uid if self.user else None,
            group=self.user.pw_gid if self.user else None,
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        user = self.user
        subprocess.run(
            [str(self.bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )


@contextmanager
def running() -> Iterator[PostgresServer]:
    """Start a server and remove it in the end; a test skips where none is installed."""
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom to run the server as: root may not."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError("no unprivileged user")
