"""Asks a person on a terminal whether a version is to become production."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.show.printer import say
from housing_cli.words import counted, figure, folded, share

if TYPE_CHECKING:
    from housing_cli.config import Settings
    from housing_cli.loop.approval import Approve, Asked

_YES = {"y", "yes"}


def approver(settings: Settings, name: str | None) -> Approve | None:
    """Return who says that a version may be production; name: given, so that nobody is asked.

    `None` where nobody needs to, or where nobody is at a terminal.
    """
    if name is not None:
        return lambda _: name
    if not settings.promote.require_approval or sys.stdin is None or not sys.stdin.isatty():
        return None
    return ask


def ask(asked: Asked) -> str:
    """Show the evidence and ask, both on stderr; return who said yes, nothing for a no."""
    for line in evidence_lines(asked):
        say(line)
    place = f" in place of {asked.replaced}" if asked.replaced else ""
    if sys.stderr is not None:
        sys.stderr.write(f"Promote {asked.version.name}{place}? [y/N] ")
        sys.stderr.flush()
    return _user() if sys.stdin.readline().strip().lower() in _YES else ""


def evidence_lines(asked: Asked) -> list[str]:
    """Return what speaks for a version, or against it, in lines that fit a terminal."""
    found: Mapping[str, Any] = asked.evidence
    name, lines = asked.version.name, []
    if comparison := found.get("comparison"):
        lines += comparison_lines(name, str(found.get("champion")), comparison)
    elif "metric" in found:
        label = METRICS[found["metric"]].label
        lines.append(
            f"{name}: baseline {label} {figure(found['new'], 3)}, "
            f"{found['champion']}'s {figure(found['old'], 3)}"
        )
    if not asked.replaced:
        metrics = asked.version.metadata.metrics
        lines.append(f"{name}: baseline RMSE {figure(metrics['rmse'], 3)}; there is no production")
    if refused := found.get("refused"):
        lines.append(f"warning: forced although {refused}")
    return [folded(line) for line in lines]


def comparison_lines(name: str, champion: str, found: Mapping[str, Any]) -> list[str]:
    """Return a comparison in two lines: the errors of both, and their difference."""
    label, (low, high) = METRICS[found["metric"]].label, found["interval"]
    return [
        f"{name} on {counted(found['n'], 'recent row')}: {label} "
        f"{figure(found['challenger'], 3)}, {champion}'s {figure(found['champion'], 3)}, "
        f"better on {share(found['improved'])}",
        f"difference {found['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}",
    ]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
