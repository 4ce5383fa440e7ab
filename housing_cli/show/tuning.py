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
    chosen, own = found.get("regressor"), found.get("settings_regressor")
    words = _words(found["params"])
    if chosen != own:
        words = f"{chosen}: {words}"
    if "inherited_from" in found:
        return [f"note: keeps what {found['inherited_from']} was tuned to: {words}"]
    trials = f"{found['trials']} of {found['asked']} trials" + ", stopped" * found["stopped"]
    if not found["params"]:
        return [f"note: {trials}: nothing better than the settings' parameters"]
    scores = f"inner RMSE {found['untuned']:.4g} -> {found['score']:.4g}"
    return [f"note: {trials}: {words} ({scores})", *_among(found)]


def _words(params: Mapping[str, Any]) -> str:
    """Return parameters as text; those of the members of a vote after their members."""
    members = params.get("estimators")
    if not isinstance(members, list):
        return ", ".join(f"{name} = {_short(value)}" for name, value in params.items())
    theirs = []
    for member in members:
        start = f"{member}__"
        own = {k.removeprefix(start): v for k, v in params.items() if k.startswith(start)}
        theirs.append(f"{member} ({_words(own)})")
    return " and ".join(theirs)


def _short(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.4g}" if number else str(value)


def _among(found: Mapping[str, Any]) -> list[str]:
    """Return what the regressors came to that the search chose among, and what its folds chose."""
    scores = found.get("regressors", {})
    if len(scores) < 2:  # noqa: PLR2004
        return []
    best = ", ".join(
        f"{name} {score:.4g}" for name, score in sorted(scores.items(), key=lambda kv: kv[1])
    )
    nested = ", ".join(f"{name} {n}" for name, n in found["nested_regressors"].items())
    return [
        f"note: best of each, inner RMSE: {best}",
        f"note: the baseline is of searches of its own, one in each fold, which chose: {nested}",
    ]
