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

    A lone process has no such directory: it reads nothing and writes nothing.
    """

    def __init__(self) -> None:
        parent = multiprocessing.parent_process()
        directory = os.environ.get(worker_metrics.VARIABLE)
        self._file: Path | None = None
        if directory and parent is not None and parent.pid is not None:
            # The directory may be one that outlives the server.
            self._file = Path(directory) / f"served-{parent.pid}-{start_time(parent.pid)}"

    def read(self) -> str:
        """Return the version's name; nothing where none was written."""
        if self._file is None:
            return ""
        try:
            return self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def write(self, name: str) -> None:
        """Replace the name; nothing depends on it so much that a full disk should matter."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            replace_file(self._file, name.encode())
