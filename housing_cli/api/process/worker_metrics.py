"""Metrics that add up over worker processes: the client library's multiprocess files.

Each process maps files `counter_<pid>.db` in a directory that the workers of one server share. A
worker that died leaves its files behind: what they counted must stay in the sums, but the files
must not pile up, so the next scrape folds them into one. The number of living workers then bounds
the number of files; the library's own `mark_process_dead` removes gauges alone.

A file that is mapped and cannot grow kills whoever writes to it, so that room is reserved before
anything is mapped. Where there is none, workers count alone, and serve.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import mmap
import multiprocessing
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from housing_cli.api.process.processes import alive, start_time
from housing_cli.errors import HousingError, ServeError
from housing_cli.files import reason

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "housing-metrics-"
_FOLDED = "0"  # no process has this id
KINDS = ("counter", "histogram", "gauge_livesum", "gauge_livemax")
"""What the files of a process begin with, by type and mode of its metrics."""
RESERVED = 1 << 20
"""Bytes of each file: the names of some 4,000 values, which is what 100 versions need."""

logger = logging.getLogger("housing.serve")
_reserved: set[tuple[Path, int]] = set()


def _place() -> Path:
    """Return where the files go: to memory if there is such a place.

    They are mapped, so that a disk that is full would kill whoever counts something new.
    """
    memory = Path("/dev/shm")  # noqa: S108
    return memory if os.access(memory, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())


def new_directory(workers: int) -> Path | None:
    """Make and return a directory for `workers` of this process; it is theirs alone.

    In memory, on a disk where memory has no room; `None` where there is none either.
    """
    _remove_orphans()
    for place in dict.fromkeys((_place(), Path(tempfile.gettempdir()))):
        with contextlib.suppress(OSError):
            disk = os.statvfs(place)
            # As many again: a worker is replaced before the files of the dead one are folded.
            if disk.f_bavail * disk.f_frsize > 2 * workers * RESERVED * len(KINDS):
                return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-run-", dir=place))
    return None


def join() -> tuple[Path | None, str]:
    """Return what `prepare` returns with room for this worker's files, and why it counts alone.

    Nothing where it does not, or has no siblings. Raises nothing: who cannot count can serve.
    """
    try:
        directory = prepare()
        if directory is not None:
            _reserve(directory)
    except (OSError, HousingError) as error:
        os.environ.pop(VARIABLE, None)
        why = error.message if isinstance(error, HousingError) else reason(error)
        logger.warning("metrics_not_shared: this worker counts alone: %s", why)
        return None, why
    return directory, ""


def _reserve(directory: Path) -> None:
    """Make this process's files with all their room, or none. Raises `OSError`."""
    pid = os.getpid()
    if (directory, pid) in _reserved:  # mapped already
        return
    new = {directory / f".{kind}_{pid}": directory / f"{kind}_{pid}.db" for kind in KINDS}
    try:
        for file, name in new.items():
            _allocate(name if name.exists() else file, RESERVED)  # another's of this id, long ago
        for file, name in new.items():
            if file.exists():
                file.rename(name)  # nobody meets an empty file
    except OSError:
        for file in new:
            file.unlink(missing_ok=True)
        raise
    _reserved.add((directory, pid))


def _allocate(file: Path, size: int) -> None:
    """Let `file` have at least `size` bytes, and the disk hold all that it has."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, max(size, os.fstat(handle).st_size))
    finally:
        os.close(handle)


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
    handle = -1
    try:
        with contextlib.suppress(OSError):  # unfolded they are more files, and the same sums
            handle = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            _fold_dead(directory)
        yield
    finally:
        if handle >= 0:
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
            sums = directory / f"{kind}_{_FOLDED}.db"
            try:
                _allocate(sums, _used(sums) + _used(file))
            except OSError:  # they count where they are
                if sums.exists() and not sums.stat().st_size:
                    sums.unlink()
                continue
            folded = values(str(sums))
            try:
                for key, value, _, _ in values.read_all_values_from_file(str(file)):
                    folded.write_value(key, folded.read_value(key)[0] + value, 0.0)
            finally:
                folded.close()
        file.unlink()


def _used(file: Path) -> int:
    """Return how many bytes of a file hold values, in whole pages."""
    if not file.exists():
        return 0
    with file.open("rb") as opened:
        used: int = struct.unpack("i", opened.read(4).ljust(4, b"\0"))[0]
    return max(1, -(-used // mmap.PAGESIZE)) * mmap.PAGESIZE


def _remove_orphans() -> None:
    """Remove directories whose server is gone without having done so itself."""
    places = dict.fromkeys((_place(), Path(tempfile.gettempdir())))
    for left in (found for place in places for found in place.glob(f"{_PREFIX}*")):
        pid, _, start = left.name.removeprefix(_PREFIX).partition("-")
        with contextlib.suppress(OSError, ValueError):
            reused = start.isdigit() and start != start_time(int(pid))
            if left.stat().st_uid == os.getuid() and (not alive(int(pid)) or reused):
                shutil.rmtree(left, ignore_errors=True)
