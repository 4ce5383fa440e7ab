"""EarlyLoad: the served version is loaded in a thread while the web framework is still imported.

Making an ONNX Runtime session takes as long as a third of the imports and holds no interpreter
lock, so that on two cores a server is ready earlier by that much.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from housing_cli.api.served import Served, followed, load_served
from housing_cli.registry import open_reader

if TYPE_CHECKING:
    from housing_cli.config import Settings


class EarlyLoad:
    """Loads the version that `settings.serve.version` names now; `take` waits for it."""

    def __init__(self, settings: Settings) -> None:
        self._served: Served | None = None
        # No daemon: a process must not end while C++ code wants its interpreter back.
        self._thread = threading.Thread(target=self._load, args=[settings], name="early-load")
        self._thread.start()

    def take(self, name: str) -> Served | None:
        """Return the version `name` once; `None` if another one or none was loaded."""
        self._thread.join()
        served, self._served = self._served, None
        return served if served is not None and served.name == name else None

    def _load(self, settings: Settings) -> None:
        # Whoever loads it in earnest meets the same error, and knows what to do about it.
        with contextlib.suppress(Exception):
            self._served = load_served(open_reader(settings), followed(settings))
