"""What the kernel says of other processes, by their id."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def alive(pid: int) -> bool:
    """Return whether a process with this id runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed worker that nobody has waited for yet still has its id.
    with contextlib.suppress(OSError, IndexError):
        return _fields(pid)[0] != "Z"
    return True


def start_time(pid: int) -> str:
    """Return when a process started, in the kernel's count: tells it from a later namesake."""
    try:
        return _fields(pid)[19]
    except (OSError, IndexError):
        return "0"


def _fields(pid: int) -> list[str]:
    """Return what follows the name in `/proc/PID/stat`; the name may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
