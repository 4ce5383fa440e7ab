"""SharedVersion: which version the workers of one server serve.

A worker that replaces a dead one begins with what its siblings serve, also when the alias has come
to name a version that they refused.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from pathlib import Path

from housing_cli.api.process import worker_metrics
from housing_cli.api.process.processes import start_time
from housing_cli.files import replace_file


class SharedVersion:
    """A version's name in the directory that the workers of one server share.

    Beside it stands when the alias was signed to name it (`signatures.Move.event`), so that a new
    worker is as little taken in by an old signature as its siblings are; 0 where nothing is signed.

    A lone process has no such directory: it reads nothing and writes nothing.
    """

    def __init__(self) -> None:
        parent = multiprocessing.parent_process()
        directory = os.environ.get(worker_metrics.VARIABLE)
        self._file: Path | None = None
        if directory and parent is not None and parent.pid is not None:
            # The directory may be one that outlives the server.
            self._file = Path(directory) / f"served-{parent.pid}-{start_time(parent.pid)}"

    def read(self) -> tuple[str, int]:
        """Return the version's name and when it was named; nothing where none was written."""
        if self._file is None:
            return "", 0
        try:
            name, _, moved = self._file.read_text(encoding="utf-8").strip().partition(" ")
        except (OSError, UnicodeDecodeError):
            return "", 0
        return name, int(moved) if moved.isascii() and moved.isdigit() else 0

    def write(self, name: str, moved: int) -> None:
        """Replace both; nothing depends on it so much that a full disk should matter."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            replace_file(self._file, f"{name} {moved}".encode())
