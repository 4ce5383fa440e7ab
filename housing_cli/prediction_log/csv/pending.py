"""Where several rows are being written: what makes them all or none under `kill -9`.

The system may end a process in the middle of one `write`. So before several lines are written, the
file, their place and their length are noted in a small file beside it. Readers stop at that place
until all of them are there, and the next writer cuts off what was not completed. One line needs no
note: without its end it is none.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

_NOTE = struct.Struct("<QQQ")
_NOTHING = _NOTE.pack(0, 0, 0)


class Pending:
    """The note beside the file at `path`; who writes it holds that file's lock."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.pending")
        self._fd = -1
        self._pid = 0
        self._noted = False

    def begin(self, inode: int, offset: int, length: int) -> None:
        """Note that `length` bytes will be written at `offset`. Raises `OSError`."""
        if not self._is_open():
            self._open(os.O_RDWR | os.O_CREAT)
        os.pwrite(self._fd, _NOTE.pack(inode, offset, length), 0)
        self._noted = True

    def end(self) -> None:
        """Note that nothing is being written, where something is noted. Raises `OSError`."""
        if self._noted and self._is_open():
            os.pwrite(self._fd, _NOTHING, 0)
            self._noted = False

    def unfinished(self, inode: int, size: int) -> int:
        """Return where rows begin that are not all there, `size` if all are; the file has `size`.

        Raises `OSError`.
        """
        if not self._is_open():
            try:
                self._open(os.O_RDWR if os.access(self.path, os.W_OK) else os.O_RDONLY)
            except FileNotFoundError:
                return size
        note = os.pread(self._fd, _NOTE.size, 0)
        self._noted = note != _NOTHING
        if len(note) < _NOTE.size or note == _NOTHING:
            return size
        noted, offset, length = _NOTE.unpack(note)
        return int(offset) if noted == inode and offset < size < offset + length else size

    def close(self) -> None:
        """Close the note."""
        if self._is_open():
            os.close(self._fd)
        self._fd = -1

    def _is_open(self) -> bool:
        return self._fd >= 0 and self._pid == os.getpid()

    def _open(self, flags: int) -> None:
        # Whoever may write in a log's directory alone must not have another file written over.
        flags |= os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._fd = os.open(self.path, flags, 0o644)
        self._pid = os.getpid()
