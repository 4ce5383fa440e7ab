"""What the logs, the registry and the settings need of a file system: locks, replacing, reasons."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_DISK_RESERVE = 1 << 20


def keep_from_strangers() -> None:
    """Let nobody but owner and group write what this process makes, whatever its umask is."""
    os.umask(os.umask(0o077) | 0o002)


def wait_for_lock(handle: int, patience: float, poll: float) -> None:
    """Take the exclusive `flock` of an open file; it dies with its holder.

    Asks again every `poll` seconds. Raises `BlockingIOError` when others hold the lock for
    `patience` seconds.
    """
    deadline = 0.0
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            now = time.monotonic()
            deadline = deadline or now + patience
            if now > deadline:
                raise held() from None
            time.sleep(poll)


def held() -> BlockingIOError:
    """Return what to raise where a lock is not to be had."""
    return BlockingIOError(errno.EAGAIN, "another process holds its lock")


def replace_file(path: Path, data: bytes, *, mark: str = "", durable: bool = False) -> None:
    """Replace `path` by `data` in one step; nobody ever reads a part of it. Raises `OSError`.

    mark: what tells the file that is renamed from another writer's; by default this process's id.
    durable: the file and its name outlive a power loss.
    """
    temporary = path.with_name(f".{path.name}.{mark or os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # a crash left it, or someone a link to another file
        with temporary.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in `path` outlive a power loss."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_file(path: Path | str) -> int:
    """Return a handle to read a file with. Raises `OSError`.

    A named pipe, in which nobody may ever write, and a device are no files.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        check_regular(handle)
    except BaseException:
        os.close(handle)
        raise
    return handle


def check_regular(handle: int) -> None:
    """Raise `OSError` unless an open file is a regular one."""
    mode = os.fstat(handle).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, and not a file")


def read_file(path: Path | str) -> bytes:
    """Return the bytes of a file, see `open_file`."""
    with os.fdopen(open_file(path), "rb") as file:
        return file.read()


def open_input(path: Path | str) -> BinaryIO:
    """Open what a user names: a file, or a pipe that somebody writes into. Raises `OSError`.

    So `<(command)` and `/dev/stdin` can be read. A named pipe that nobody has opened to write is
    not waited for: it is at its end. Devices cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if stat.S_ISFIFO(os.fstat(handle).st_mode):
            os.set_blocking(handle, True)
        else:
            check_regular(handle)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_input(path: Path | str) -> bytes:
    """Return the bytes of what a user names, see `open_input`. Raises `OSError`."""
    with open_input(path) as file:
        data = file.read()
        if not data and stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "a pipe that nobody writes into")
        return data


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Give a file that becomes `path` when all was written, in one step. Raises `OSError`.

    Where the context is left by an exception, `path` stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # a crash left it, or someone a link to another file
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_output(path: Path | str) -> BinaryIO:
    """Open a device, or a pipe that somebody reads, to write. Raises `OSError`.

    A named pipe that nobody has opened to read is not waited for.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    return os.fdopen(handle, "wb")


def write_output(path: Path | str, text: str, *, append: bool = False) -> None:
    """Write UTF-8 text where a user wants it: a file, a device, or a pipe that somebody reads.

    A named pipe that nobody has opened to read is not waited for. Raises `OSError`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    handle = os.open(path, flags | (os.O_APPEND if append else os.O_TRUNC), 0o666)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def check_growable(path: Path) -> None:
    """Raise `OSError` if `path` could not be made or grow, seen from its directory and disk."""
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, f"`{path}` cannot be written")
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"`{folder}` is not a directory")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, f"`{folder}` cannot be written")
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize < _DISK_RESERVE:
        raise OSError(errno.ENOSPC, "no space left on the disk")
    # Some file systems count no inodes: all their numbers are 0.
    if disk.f_files and not disk.f_favail and not path.exists():
        raise OSError(errno.ENOSPC, "no inode left on the disk for another file")


def check_lockable(path: Path, patience: float, poll: float) -> None:
    """Raise `OSError` if the exclusive lock of `path` is not to be had within `patience` seconds.

    Where there is no such file yet, its directory says whether the file system knows locks.
    """
    existing = path
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        handle = os.open(existing, (os.O_RDWR if existing == path else os.O_RDONLY) | os.O_CLOEXEC)
    except PermissionError:
        if existing == path:
            raise
        return  # a directory may be written by who may not read it
    try:
        if existing == path:
            wait_for_lock(handle, patience, poll)
        else:
            with contextlib.suppress(BlockingIOError):  # somebody holds it, and so it can be held
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.close(handle)


def reason(error: Exception) -> str:
    """Return what went wrong as the end of a sentence: the system's words, or the exception's."""
    text = getattr(error, "strerror", None) or str(error)
    # Not of `JSON is malformed`.
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
