"""A log of each kind, and how each fault is done to it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import open_log
from tests.conftest import FEATURES
from tests.postgres import running
from tests.system.faults.proxy import Proxy
from tests.system.faults.traffic import NO_ANSWER, Traffic
from tests.system.processes import FAKETIME, Server, serving, wrong_clock
from tests.system.test_faults import workers_of

SCHEMA = FeatureSchema(tuple(FEATURES), "MEDV")
POWERS = "-dac_override,-dac_read_search"


@dataclass(frozen=True)
class During:
    """What a fault looks like from outside.

    answers: statuses of predictions while it lasts. ready: what `/readyz` comes to say. archive:
    URL of the log that holds what was acknowledged before; None: the same. lost: how many of the
    newest promises before it may be gone.
    skew: by how many seconds the server's clock is wrong.
    """

    answers: frozenset[int]
    ready: int
    archive: str | None = None
    lost: int = 0
    skew: float = 0.0


WORKS = During(frozenset({200}), 200)
STOPS = During(frozenset({200, 503}), 503)


@dataclass(frozen=True)
class Held:
    """What a log holds: number, price and time of each prediction, and real prices, by id.

    rows: how many predictions it says that it has. last_hour: ids of those of a window of an hour.
    """

    made: dict[str, tuple[int, float]]
    at: dict[str, float]
    labels: dict[str, float]
    rows: int
    last_hour: frozenset[str]


def held(url: str) -> Held:
    """Return what the log at `url` holds."""
    log = open_log(url, SCHEMA)
    try:
        rows, labeled = log.predictions(), log.labeled()
        lately = log.predictions(since=datetime.now(UTC) - timedelta(hours=1))
    finally:
        log.close()
    numbers = rows.features[:, 0].astype(int).tolist()
    made = zip(numbers, rows.predicted.tolist(), strict=True)
    return Held(
        dict(zip(rows.ids, made, strict=True)),
        dict(zip(rows.ids, rows.timestamps.tolist(), strict=True)),
        dict(zip(labeled.ids, labeled.real.tolist(), strict=True)),
        len(rows),
        frozenset(lately.ids),
    )


class Place:
    """A log that a server uses, and the faults that each kind knows how to do.

    A fault is a context manager that yields `During` and ends with the block.
    """

    kind: str
    url: str
    owner_url: str
    disk = ""
    """Size of the disk that gets full, as `mount` takes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock: Path | None = None
        self._prefix: list[str] = []

    def serving(self) -> AbstractContextManager[Server]:
        """Run a server of two workers with this log."""
        env = {"HOUSING_LOG_URL": self.url, "HOUSING_SERVE_REQUEST_TIMEOUT": "2"}
        if self.clock is not None:
            env |= wrong_clock(self.clock)
        return serving(self.folder, "--workers", "2", env=env, prefix=self._prefix)

    def prepare(self, fault: str) -> None:
        """Do what a fault needs before the server starts; a test skips where it cannot be done."""
        if fault in {"clock_ahead", "clock_behind"}:
            if not FAKETIME.exists():
                pytest.skip("libfaketime is not installed (Debian: apt-get install faketime)")
            self.clock = self.folder / "clock"
            self.clock.write_text("+0")
        if fault == "revoked" and os.geteuid() == 0:
            if not shutil.which("setpriv"):
                pytest.skip("permissions do not bind root, and setpriv is not installed")
            self._prefix = ["setpriv", f"--bounding-set={POWERS}", f"--inh-caps={POWERS}"]

    @contextmanager
    def killed(self, traffic: Traffic) -> Iterator[During]:
        """Kill a worker of the server."""
        os.kill(workers_of(traffic.server)[0], signal.SIGKILL)
        yield During(frozenset({200, NO_ANSWER}), 200)

    @contextmanager
    def clock_ahead(self, _: Traffic) -> Iterator[During]:
        """Set the server's clock 400 days ahead, and back."""
        yield from self._clock(400 * 86400)

    @contextmanager
    def clock_behind(self, _: Traffic) -> Iterator[During]:
        """Set the server's clock an hour back."""
        yield from self._clock(-3600)

    def _clock(self, skew: int) -> Iterator[During]:
        assert self.clock is not None
        self.clock.write_text(f"{skew:+d}")
        yield replace(WORKS, skew=skew)
        self.clock.write_text("+0")


class Files(Place):
    """A log in the directory `logs`, on a disk of its own."""

    files: tuple[str, ...]
    disk = "8m"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder)
        self.logs, self._stack = folder / "logs", stack
        self.logs.mkdir()
        self._mount(self.logs)

    def _mount(self, where: Path, *more: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.disk}", *more, "tmpfs", str(where)]
        if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("no right to mount a small disk")
        self._stack.callback(subprocess.run, ["umount", "-l", str(where)], check=True)

    @contextmanager
    def full(self, _: Traffic) -> Iterator[During]:
        """Fill the disk to its last byte."""
        ballast = self.logs / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        yield STOPS
        ballast.unlink()

    @contextmanager
    def read_only(self, traffic: Traffic) -> Iterator[During]:
        """Put a copy in the log's place that nobody may write."""
        with traffic.paused():
            copy = self.folder / "copy"
            shutil.copytree(self.logs, copy)
            self._lay_over(copy, "ro")
        yield STOPS
        with traffic.paused():
            subprocess.run(["umount", "-l", str(self.logs)], check=True)

    def _lay_over(self, folder: Path, *options: str) -> None:
        subprocess.run(["mount", "--bind", str(folder), str(self.logs)], check=True)
        if options:
            remount = ",".join(("remount", "bind", *options))
            subprocess.run(["mount", "-o", remount, str(self.logs)], check=True)

    @contextmanager
    def revoked(self, _: Traffic) -> Iterator[During]:
        """Take all permissions away."""
        paths = [self.logs, *(path for path in self.logs.iterdir())]
        modes = [path.stat().st_mode for path in paths]
        for path in reversed(paths):
            path.chmod(0)
        yield STOPS
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)

    @contextmanager
    def restarted(self, traffic: Traffic) -> Iterator[During]:
        """Kill the server with all its workers, and start another, as when the machine restarts."""
        before = traffic.server.process
        os.killpg(before.pid, signal.SIGKILL)
        before.wait()
        traffic.server = self._stack.enter_context(self.serving())
        yield During(frozenset({200, NO_ANSWER}), 200)

    @contextmanager
    def failed_over(self, traffic: Traffic) -> Iterator[During]:
        """Put a copy on another disk in the log's place, as a replica that takes over."""
        with traffic.paused():
            copy = self.folder / "replica"
            shutil.copytree(self.logs, copy)
            self._lay_over(copy)
            self._stack.callback(subprocess.run, ["umount", "-l", str(self.logs)], check=True)
        yield WORKS

    @contextmanager
    def moved(self, traffic: Traffic) -> Iterator[During]:
        """Move the files away, as a rotation does."""
        aside = self.folder / "aside"
        with traffic.paused():
            aside.mkdir()
            for path in list(self.logs.iterdir()):
                shutil.move(path, aside)
        yield During(frozenset({200}), 200, archive=self.url.replace(str(self.logs), str(aside)))


class Csv(Files):
    """A log in csv files."""

    kind = "csv"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder, stack)
        self.url = self.owner_url = f"csv:{self.logs}"

    @contextmanager
    def frozen(self, _: Traffic) -> Iterator[During]:
        """Hold the lock, as a writer that is stopped."""
        with (self.logs / "predictions.csv").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield STOPS

    @contextmanager
    def truncated(self, traffic: Traffic) -> Iterator[During]:
        """Cut the last line in the middle of its price."""
        with traffic.paused():
            file = self.logs / "predictions.csv"
            os.truncate(file, file.stat().st_size - 4)
        yield During(frozenset({200}), 200, lost=1)

    @contextmanager
    def resaved(self, traffic: Traffic) -> Iterator[During]:
        """Save both files again as a spreadsheet does: all fields quoted, other line ends."""
        with traffic.paused():
            for name in ("predictions.csv", "feedback.csv"):
                table = pd.read_csv(self.logs / name, dtype=str, keep_default_na=False)
                table.to_csv(self.logs / "new", index=False, quoting=1, lineterminator="\r\n")
                (self.logs / "new").replace(self.logs / name)
        yield WORKS


class Sqlite(Files):
    """A log in a SQLite file."""

    kind = "sqlite"
    # Between two checkpoints `-wal` grows by 17 KB with each prediction and its price: on a fast
    # machine more than the small disk holds, which would be another fault than the one looked at.
    disk = "128m"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder, stack)
        self.file = self.logs / "predictions.db"
        self.url = self.owner_url = f"sqlite:///{self.file}"

    @contextmanager
    def frozen(self, _: Traffic) -> Iterator[During]:
        """Hold the right to write, as a writer that is stopped."""
        with contextlib.closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout=5000")
            other.execute("BEGIN IMMEDIATE")
            yield STOPS
            other.execute("ROLLBACK")

    @contextmanager
    def truncated(self, traffic: Traffic) -> Iterator[During]:
        """Cut the file in half, and put it back from a copy."""
        with traffic.paused():
            with contextlib.closing(sqlite3.connect(self.file)) as other:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            copy = self.folder / "copy.db"
            shutil.copy(self.file, copy)
            os.truncate(self.file, self.file.stat().st_size // 2 // 4096 * 4096)
        # What is answered before the damage is met lies in a file that goes.
        yield replace(STOPS, lost=50)
        with traffic.paused():
            for name in ("predictions.db-wal", "predictions.db-shm"):
                (self.logs / name).unlink(missing_ok=True)
            shutil.copy(copy, self.logs / "new")
            (self.logs / "new").replace(self.file)

    @contextmanager
    def resaved(self, traffic: Traffic) -> Iterator[During]:
        """Put what another tool made of the file in its place."""
        with traffic.paused():
            with contextlib.closing(sqlite3.connect(self.file)) as other:
                other.execute("VACUUM INTO ?", (str(self.logs / "new.db"),))
            for name in ("predictions.db-wal", "predictions.db-shm"):
                (self.logs / name).unlink(missing_ok=True)
            (self.logs / "new.db").replace(self.file)
        yield WORKS


class Postgres(Place):
    """A log in a database behind a proxy; the server's role may append and read, and no more."""

    kind = "postgresql"
    disk = "2m"

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        super().__init__(folder)
        self._stack = stack
        self.server = stack.enter_context(running())
        self.proxy = Proxy(self.server.port)
        stack.callback(self.proxy.close)
        self.owner_url = self.server.url()
        log = open_log(self.owner_url, SCHEMA)
        try:
            granted = log.init().to_grant
        finally:
            log.close()
        self.sql("CREATE ROLE app LOGIN")
        for statement in granted:
            self.sql(statement.replace("ROLE", "app"))
        self.url = f"postgresql+psycopg://app@127.0.0.1:{self.proxy.port}/postgres"

    def sql(self, statement: str) -> None:
        self.server.sql(statement)

    @contextmanager
    def full(self, _: Traffic) -> Iterator[During]:
        """Fill the disk that the table lies on."""
        small = self.server.folder / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={self.disk}", "tmpfs", str(small)]
        if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no right to mount a small disk")
        try:
            user: Any = self.server.user
            os.chown(small, user.pw_uid, user.pw_gid)
            self.sql(f"CREATE TABLESPACE small LOCATION '{small}'")
            self.sql("ALTER TABLE predictions SET TABLESPACE small")
            with (small / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            yield STOPS
            (small / "ballast").unlink()
            self.sql("ALTER TABLE predictions SET TABLESPACE pg_default")
            self.sql("DROP TABLESPACE small")  # a standby could not have it at the same place
        finally:
            subprocess.run(["umount", "-l", str(small)], check=True)

    @contextmanager
    def read_only(self, _: Traffic) -> Iterator[During]:
        """Let new connections read alone, and make all connections new."""
        self.sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
        self._break_connections()
        yield STOPS
        self.sql("ALTER DATABASE postgres RESET default_transaction_read_only")

    def _break_connections(self) -> None:
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    @contextmanager
    def revoked(self, _: Traffic) -> Iterator[During]:
        """Take the right to append away."""
        self.sql("REVOKE INSERT ON predictions, feedback FROM app")
        yield STOPS
        self.sql("GRANT INSERT ON predictions, feedback TO app")

    @contextmanager
    def frozen(self, _: Traffic) -> Iterator[During]:
        """Let no byte pass to the database, on connections old and new."""
        self.proxy.silent.set()
        yield STOPS
        self.proxy.silent.clear()

    @contextmanager
    def flows_lost(self, traffic: Traffic) -> Iterator[During]:
        """Let the connections that there are go silent; new ones work."""
        self.proxy.lose_flows()
        traffic.go_on(1, timeout=10)
        yield During(frozenset({200, 503}), 200)

    @contextmanager
    def restarted(self, _: Traffic) -> Iterator[During]:
        """Stop the database at once, and start it again."""
        self.server.stop("immediate")
        yield STOPS
        self.server.start()

    @contextmanager
    def failed_over(self, traffic: Traffic) -> Iterator[During]:
        """Go on with a hot standby, which takes over a while after the first server ended."""
        standby = self._stack.enter_context(self.server.standby())
        with traffic.paused():
            self.server.wait_for(standby)
            self.server.stop("immediate")
            self.proxy.target = standby.port
            self.proxy.cut_flows()
        yield STOPS
        standby.promote()
        self.owner_url = standby.url()

    @contextmanager
    def moved(self, _: Traffic) -> Iterator[During]:
        """Give the table another name, and its own again."""
        self.sql("ALTER TABLE predictions RENAME TO aside")
        yield STOPS
        self.sql("ALTER TABLE aside RENAME TO predictions")

    @contextmanager
    def truncated(self, traffic: Traffic) -> Iterator[During]:
        """Empty the tables after they were copied."""
        with traffic.paused():
            self.sql("CREATE SCHEMA archive")
            for table in ("predictions", "feedback", "served", "log_schema"):
                self.sql(f"CREATE TABLE archive.{table} AS TABLE {table}")
            self.sql("TRUNCATE predictions, feedback")
        yield During(
            frozenset({200}),
            200,
            archive=f"{self.owner_url}?options=-csearch_path%3Darchive",
        )

    @contextmanager
    def resaved(self, traffic: Traffic) -> Iterator[During]:
        """Put back what another tool dumped."""
        address = ["-h", "127.0.0.1", "-p", str(self.server.port), "-U", "housing", "postgres"]
        with traffic.paused():
            dump = subprocess.run(
                [str(self.server.bin / "pg_dump"), "--clean", *address],
                check=True,
                capture_output=True,
            )
            subprocess.run(
                [str(self.server.bin / "psql"), "-q", "-v", "ON_ERROR_STOP=1", *address],
                check=True,
                input=dump.stdout,
                capture_output=True,
            )
        yield During(frozenset({200, 503}), 200)


PLACES: dict[str, type[Csv] | type[Sqlite] | type[Postgres]] = {
    place.kind: place for place in (Csv, Sqlite, Postgres)
}
