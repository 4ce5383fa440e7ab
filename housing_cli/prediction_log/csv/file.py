"""An append-only csv file that many processes of one machine write: whole lines, all or none."""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from housing_cli.errors import LogBusy, LogSchemaMismatch, LogUnavailable
from housing_cli.files import (
    check_growable,
    check_lockable,
    check_regular,
    held,
    open_file,
    sync_directory,
    wait_for_lock,
)
from housing_cli.prediction_log.csv.pending import Pending
from housing_cli.prediction_log.csv.rows import header_line

PATIENCE_S = 2.0
"""How long to wait for other writers. They hold the lock for microseconds, or are stopped."""
_PROBE_PATIENCE_S = 0.5
_LOCK_POLL_S = 0.0002
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
_TAIL = 1 << 16
_GZIP = b"\x1f\x8b"
_REOPENS = 5
_SHOWN = 80
_PARTS = {";": "semicolons", "\t": "tabs"}


class AppendFile:
    """Appends lines to a csv file under an exclusive `flock`.

    While it is `locked` no other process writes. Locking heals what a killed process left behind
    and notices a file that was moved away, deleted or emptied. The lock dies with its holder.

    A last line without its end is not completed: cut in a price, it is still a number, and
    another one. It is set aside, in `NAME.torn`. Only where another tool saved the whole file, as
    a carriage return before it or a quote at its end says, it is a line as that tool ends a file.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        fsync: bool = False,
    ) -> None:
        self.path = path
        self.columns = tuple(columns)
        self.header = header_line(columns)
        self.size = -1
        """Size when it was last locked or written; -1 before."""
        self._fsync = fsync
        self._pending = Pending(path)
        self._fd = -1
        self._pid = 0
        self.identity = (0, 0)
        """Inode and device of the open file."""
        self._threads = threading.Lock()  # flock does not part the threads of one process
        self._name = str(path)
        self._changed = True

    def locked(self, patience: float = PATIENCE_S) -> AppendFile:
        """Hold the file until the end of the `with` block, which this begins.

        The block gets whether the content may be other than this process left it. Raises `LogBusy`
        when others hold the file for `patience` seconds, and `LogUnavailable`.
        """
        self._changed = self._acquire(patience)
        return self

    def __enter__(self) -> bool:
        return self._changed

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self.size = -1  # whoever comes next looks at it anew
        self._release()

    def _acquire(self, patience: float) -> bool:
        if not self._threads.acquire(timeout=patience):
            raise unavailable(self.path, held())
        try:
            size = self._lock(patience)
            if size == self.size:  # looked at after locking: of a file opened anew nothing is known
                return False
            self._settle(size)
            return True
        except OSError as error:
            self._release()
            raise unavailable(self.path, error) from error
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        try:
            if self._fd >= 0:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError:
            self.close()  # which ends the lock as well
        finally:
            self._threads.release()

    def write(self, lines: bytes) -> None:
        """Append whole lines, all or none, and the header before the first; the file is locked."""
        data = lines if self.size else self.header + lines
        several = lines.find(b"\n") < len(lines) - 1
        try:
            if several:
                self._pending.begin(self.identity[0], self.size, len(data))
            written = os.write(self._fd, data)
            while written < len(data):  # as a rule, the rest fails and says why
                written += os.write(self._fd, data[written:])
            if self._fsync:
                os.fdatasync(self._fd)
            if several:
                self._pending.end()
        except OSError as error:
            self._undo()
            raise unavailable(self.path, error) from error
        self.size += len(data)

    def last_lines(self, limit: int) -> list[bytes]:
        """Return the whole lines in the last `limit` bytes, without the header."""
        start = max(self.size - limit, 0)
        data = os.pread(self._fd, self.size - start, start)
        lines = data.split(b"\n")[:-1]
        return lines[1:]  # the header, or a line that began before

    def lines_since(self, position: int) -> list[bytes]:
        """Return the lines from `position`, where a line begins, to the end."""
        return os.pread(self._fd, self.size - position, position).split(b"\n")[:-1]

    def close(self) -> None:
        """Close the file; the next lock opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self.size = -1, -1
        self._pending.close()

    def check(self) -> None:
        """Raise `LogUnavailable` or `LogSchemaMismatch` if a row could not be appended now."""
        try:
            check_growable(self.path)
            check_lockable(self.path, _PROBE_PATIENCE_S, _LOCK_POLL_S)
            if self.path.exists():
                check_header(self.path, self.header, self.columns)
        except OSError as error:
            raise unavailable(self.path, error) from error

    def _lock(self, patience: float) -> int:
        """Hold the lock of the file that the path names now; return its size."""
        for _ in range(_REOPENS):
            if self._fd < 0 or self._pid != os.getpid():
                self._open()
            wait_for_lock(self._fd, patience, _LOCK_POLL_S)
            try:
                status = os.stat(self._name)  # noqa: PTH116 - the hot path
            except FileNotFoundError:
                status = None
            if status is not None and (status.st_ino, status.st_dev) == self.identity:
                return status.st_size
            self.close()  # deleted, or moved away by a log rotation
        raise OSError(errno.ESTALE, "the file is being replaced all the time")

    def _open(self) -> None:
        self.close()  # after a fork, the parent's lock is not shared
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self._name, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        check_regular(self._fd)
        status = os.fstat(self._fd)
        self.identity = (status.st_ino, status.st_dev)
        self._pid = os.getpid()
        if self._fsync and status.st_size == 0:
            sync_directory(self.path.parent)

    def _settle(self, size: int) -> None:
        """Check the header and heal the end after others wrote (or died writing)."""
        fd = self._fd
        self.size = -1  # unknown, should anything below fail
        head = os.pread(fd, len(self.header), 0)
        if size and size < len(self.header) and self.header.startswith(head):
            os.ftruncate(fd, 0)  # died while the header was written
            size = 0
        elif size and head != self.header:
            check_header(self.path, self.header, self.columns)
        begun = self._pending.unfinished(self.identity[0], size)
        if begun < size:  # several rows are all or none, also for whoever died writing them
            self._set_aside(os.pread(fd, size - begun, begun))
            os.ftruncate(fd, begun)
            size = begun
        # What is noted is over: the file may be emptied and grow to this size again.
        self._pending.end()
        if size and os.pread(fd, 1, size - 1) != b"\n":
            size = self._heal(size)
        self.size = size

    def _heal(self, size: int) -> int:
        """Complete a last line without newline, or set it aside; return the new size."""
        start = size
        tail = b""
        while start and b"\n" not in tail:
            step = min(_TAIL, start)
            start -= step
            tail = os.pread(self._fd, step, start) + tail
        kept = tail.rfind(b"\n") + 1
        line = tail[kept:]
        before = os.pread(self._fd, 2, start + kept - 2) if start + kept > 1 else b""
        foreign = before == b"\r\n" or line.endswith(b'"')
        # Or the header, which was checked.
        if (foreign or start + kept == 0) and os.write(self._fd, b"\n") == 1:
            return size + 1
        self._set_aside(line)
        os.ftruncate(self._fd, start + kept)
        return start + kept

    def _set_aside(self, cut: bytes) -> None:
        """Keep what is cut off in a file of its own: nothing is thrown away unseen."""
        with self.path.with_name(f"{self.path.name}.torn").open("ab") as aside:
            aside.write(cut if cut.endswith(b"\n") else cut + b"\n")

    def _undo(self) -> None:
        """Take back a partly written batch."""
        size, self.size = self.size, -1
        try:
            os.ftruncate(self._fd, size)
            self._pending.end()
            self.size = size
        except OSError:
            return  # the next lock looks at the tail and heals


def check_header(path: Path, header: bytes, columns: Sequence[str]) -> int:
    """Return where the first row begins. Raises `LogSchemaMismatch` for other columns."""
    with os.fdopen(open_file(path), "rb") as file:
        head = file.read(len(header) + _TAIL)
    if head.startswith(header):
        return len(header)
    if header.startswith(head):
        return len(head)  # empty, or being created
    if head.startswith(_GZIP):
        raise LogUnavailable(
            f"`{path}` is compressed", "unpack it: `gunzip` makes a csv file of it"
        )
    if b"\0" in head[: len(header)]:
        raise LogSchemaMismatch(
            f"`{path}` is no UTF-8 text: a program saved it anew",
            "restore it from a backup, or save it as UTF-8",
        )
    first, end, _ = re.split(rb"(\r\n|\r|\n|$)", head, maxsplit=1)
    text = first.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    found = next(csv.reader(io.StringIO(text)), [])
    if found == list(columns):
        return len(first + end)
    for mark, parts in _PARTS.items():
        if next(csv.reader(io.StringIO(text), delimiter=mark), []) == list(columns):
            raise LogSchemaMismatch(
                f"`{path}` has its columns parted by {parts}: a program saved it anew",
                "restore it from a backup, or save it with commas, and with points in its numbers",
            )
    if sorted(found) != sorted(columns) == sorted(name.strip() for name in found if name.strip()):
        raise LogSchemaMismatch(
            f"`{path}` does not begin with `{_shown(header)}`: a program saved it anew",
            "restore it from a backup, or save it with these columns in this order, without blanks",
        )
    other = [name for name in found if name not in columns]
    missing = [name for name in columns if name not in found]
    detail = "; ".join(
        f"{what} {', '.join(f'`{name}`' for name in names[:8])}"
        for what, names in (("missing", missing), ("unknown", other))
        if names
    )
    detail = detail or ("in another order" if len(found) == len(columns) else "one of them twice")
    raise LogSchemaMismatch(
        f"`{path}` was written for other columns ({detail})",
        "move the log away, or name another one: `HOUSING_LOG_URL=csv:DIRECTORY`",
    )


def _shown(header: bytes) -> str:
    """Return the beginning of a header line, fit for a message."""
    text = header.decode().rstrip("\n")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def unavailable(path: Path, error: OSError) -> LogUnavailable:
    """Return what to raise for an operating system error."""
    reason = error.strerror or str(error)
    kind = LogBusy if error.errno == errno.EAGAIN else LogUnavailable
    hint = "check the directory, its permissions and the free space"
    if error.errno in _NO_LOCKS:
        reason += " (its file system does not lock files)"
        hint = "a network share as a rule: keep the log on a local disk, or in PostgreSQL"
    return kind(f"the prediction log `{path}` cannot be used: {reason}", hint)
