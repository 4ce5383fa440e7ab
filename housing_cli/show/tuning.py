"""The search for parameters on the command line: Ctrl-C as its stop key, and what it found."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from housing_cli.show.printer import say
from housing_cli.words import counted, folded


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
    """Return what to say of the search that `evidence` tells of; each a line, with more below."""
    found = evidence.get("tuning")
    if not found:
        return []
    chosen, own = found.get("regressor"), found.get("settings_regressor")
    lines = _chosen(None if chosen == own else chosen, found["params"])
    if "inherited_from" in found:
        return ["\n".join([f"note: keeps what {found['inherited_from']} was tuned to", *lines])]
    trials = f"{found['trials']} of {counted(found['asked'], 'trial')}"
    trials += ", stopped" * found["stopped"]
    if not found["params"]:
        return [f"note: {trials}: nothing better than the settings' parameters"]
    scores = f"inner RMSE {found['untuned']:.4g} -> {found['score']:.4g}"
    return ["\n".join([f"note: {trials}: {scores}", *lines]), *_among(found)]


def _chosen(regressor: str | None, params: Mapping[str, Any]) -> list[str]:
    """Return a line for the parameters, of a vote one for each of its members."""
    members = params.get("estimators")
    if not isinstance(members, list):
        return [_line(regressor, params)]
    theirs = [f"  {regressor} of" if regressor else "  a vote of"]
    for member in members:
        start = f"{member}__"
        own = {k.removeprefix(start): v for k, v in params.items() if k.startswith(start)}
        theirs.append(_line(member, own))
    return theirs


def _line(regressor: str | None, params: Mapping[str, Any]) -> str:
    words = ", ".join(f"{name}={_short(value)}" for name, value in params.items())
    text = ": ".join(part for part in (regressor, words) if part)
    return folded(text, "  ", "    ")


def _short(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.4g}" if number else str(value)


def _among(found: Mapping[str, Any]) -> list[str]:
    """Return what the regressors came to that the search chose among, and what its folds chose."""
    scores = found.get("regressors", {})
    if len(scores) < 2:  # noqa: PLR2004
        return []
    best = [f"  {name} {score:.4g}" for name, score in sorted(scores.items(), key=lambda kv: kv[1])]
    nested = [f"  {name} {n}" for name, n in found["nested_regressors"].items()]
    own = "note: the baseline is of searches of its own, one in each fold, which chose"
    return ["\n".join(["note: best of each, inner RMSE", *best]), "\n".join([own, *nested])]
