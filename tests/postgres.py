"""A real PostgreSQL server for tests: temporary directory, unprivileged user, random port."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
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

    def __init__(self, primary: PostgresServer | None = None) -> None:
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
        if primary is not None:
            address = f"host=127.0.0.1 port={primary.port} user=housing"
            self._run("pg_basebackup", "-D", self.data, "-R", "-c", "fast", "-d", address)
            return
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

        with psycopg.connect(self._address(database), autocommit=True) as connection:
            connection.execute(statement)

    def _address(self, database: str) -> str:
        # Also where new connections may read alone.
        writes = "options='-c default_transaction_read_only=off'"
        return f"host=127.0.0.1 port={self.port} user=housing dbname={database} {writes}"

    @contextmanager
    def standby(self) -> Iterator[PostgresServer]:
        """Start a hot standby of this server, and remove it in the end."""
        other = PostgresServer(primary=self)
        try:
            other.start()
            yield other
        finally:
            other.remove()

    def wait_for(self, standby: PostgresServer, timeout: float = 20) -> None:
        """Wait until a standby has replayed all that was written here."""
        import psycopg

        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            row = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        assert row is not None
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with psycopg.connect(standby._address("postgres"), autocommit=True) as connection:
                done = connection.execute(
                    "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (row[0],)
                ).fetchone()
            if done == (True,):
                return
            time.sleep(0.05)
        raise TimeoutError("the standby does not follow")

    def promote(self) -> None:
        """Make a primary of a standby."""
        self._run("pg_ctl", "-D", self.data, "-w", "promote")

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
