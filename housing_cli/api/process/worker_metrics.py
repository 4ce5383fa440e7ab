"""Metrics that add up over worker processes: the client library's multiprocess files.

Each process maps files `counter_<pid>.db` in a directory that the workers of one server share. A
worker that died leaves its files behind: what they counted must stay in the sums, but the files
must not pile up, so the next scrape folds them into one. The number of living workers then bounds
the number of files; the library's own `mark_process_dead` removes gauges alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from housing_cli.api.process.processes import alive, start_time
from housing_cli.errors import ServeError

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "housing-metrics-"
_FOLDED = "0"  # no process has this id


def _place() -> Path:
    """Return where the files go: to memory if there is such a place.

    They are mapped, so that a disk that is full would kill whoever counts something new.
    """
    memory = Path("/dev/shm")  # noqa: S108
    return memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def new_directory() -> Path:
    """Make and return the directory for the workers of this process; it is theirs alone."""
    _remove_orphans()
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-run-", dir=_place()))


def prepare() -> Path | None:
    """Return the directory that this worker shares with others; `None` for a lone process.

    Must run before `prometheus_client` is imported. A worker that another program started (plain
    `uvicorn --workers`) finds its siblings by their common parent.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        parent = multiprocessing.parent_process()
        if parent is None or parent.pid is None:
            return None
        _remove_orphans()
        named = str(_place() / f"{_PREFIX}{parent.pid}-{start_time(parent.pid)}")
    directory = Path(named)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ServeError(
            f"the directory of metrics `{named}` cannot be made: {error.strerror or error}",
            f"mend `{VARIABLE}`, or unset it",
        ) from error
    if directory.stat().st_uid != os.getuid():
        return None  # somebody else's: count alone rather than trust it
    os.environ[VARIABLE] = named
    return directory


@contextlib.contextmanager
def folded(directory: Path) -> Iterator[None]:
    """Keep the files of all workers as they are while they are read, those of the dead in one."""
    handle = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _fold_dead(directory)
        yield
    finally:
        os.close(handle)


def _fold_dead(directory: Path) -> None:
    """Add the files of processes that are gone to one file a type."""
    from prometheus_client import mmap_dict

    values: Any = mmap_dict.MmapedDict  # the library is typed, but not here
    for file in sorted(directory.glob("*.db")):
        kind, _, pid = file.stem.rpartition("_")
        if pid == _FOLDED or not pid.isdigit() or alive(int(pid)):
            continue
        if not kind.startswith("gauge"):  # what a dead process has now is nothing
            folded = values(str(directory / f"{kind}_{_FOLDED}.db"))
            try:
                for key, value, _, _ in values.read_all_values_from_file(str(file)):
                    folded.write_value(key, folded.read_value(key)[0] + value, 0.0)
            finally:
                folded.close()
        file.unlink()


def _remove_orphans() -> None:
    """Remove directories whose server is gone without having done so itself."""
    for left in _place().glob(f"{_PREFIX}*"):
        pid, _, start = left.name.removeprefix(_PREFIX).partition("-")
        with contextlib.suppress(OSError, ValueError):
            reused = start.isdigit() and start != start_time(int(pid))
            if left.stat().st_uid == os.getuid() and (not alive(int(pid)) or reused):
                shutil.rmtree(left, ignore_errors=True)
