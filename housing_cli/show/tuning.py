"""The search for parameters on the command line: Ctrl-C as its stop key, and what it found."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from housing_cli.show.printer import say


@contextmanager
def stop_key() -> Iterator[Callable[[], bool]]:
    """Take the first SIGINT of the `with` block as the wish to stop; the next interrupts."""
    before = signal.getsignal(signal.SIGINT)
    heard = threading.current_thread() is threading.main_thread()
    if not heard or before is signal.SIG_IGN:  # only the main thread hears; `nohup` wants silence
        yield lambda: False
        return
    pressed = threading.Event()

    def press(_number: int, _frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        say("stopping: going on with the best so far; press Ctrl-C again to abort")

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def tuning_notes(evidence: Mapping[str, Any]) -> list[str]:
    """Return what to say of the search that `evidence` tells of."""
    found = evidence.get("tuning")
    if not found:
        return []
    params = ", ".join(f"{name} = {value:.4g}" for name, value in found["params"].items())
    if "inherited_from" in found:
        return [f"note: keeps what {found['inherited_from']} was tuned to: {params}"]
    trials = f"{found['trials']} of {found['asked']} trials" + ", stopped" * found["stopped"]
    if not params:
        return [f"note: {trials}: nothing better than the settings' parameters"]
    scores = f"inner RMSE {found['untuned']:.4g} -> {found['score']:.4g}"
    return [f"note: {trials}: {params} ({scores})"]
