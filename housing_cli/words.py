"""Figures in words, as people read them: counts, shares, chances, and lines of a readable width."""

from __future__ import annotations

import textwrap
from datetime import datetime

from housing_cli import __version__

WIDTH = 80
"""Characters of a line: what the narrowest usual terminal shows, and a mail of a night job."""

_PERCENT = 0.01
_SMALL_CHANCE = 0.001
_LARGE = 10_000


def counted(n: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 label`, `4 labels`; many: the plural that has no `s`."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def are(n: int) -> str:
    """Return the verb of so many: `1 is`, `4 are`."""
    return "is" if n == 1 else "are"


def share(value: float) -> str:
    """Return a share, 0 to 1, in percent; what is not none is not called 0%, nor 100% not all."""
    if 0 < value < _PERCENT:
        return "under 1%"
    if 1 - _PERCENT < value < 1:
        return "over 99%"
    return f"{value:.0%}"


def share_in_short(value: float) -> str:
    """Return a share for a narrow column: `<1%`, `42%`, `>99%`."""
    return share(value).replace("under ", "<").replace("over ", ">")


def figure(value: float, digits: int = 4) -> str:
    """Return a number of so many digits, without an exponent where it is large."""
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"


def grouped(value: float, digits: int = 4) -> str:
    """Return a number as `figure` does; from 10,000 on its digits stand in groups of three.

    Between them is a narrow space, which no language takes for a decimal mark.
    """
    if abs(value) < _LARGE:
        return figure(value, digits)
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def chance(p_value: float) -> str:
    """Return a p-value: `0.004`, `<0.001`."""
    return "<0.001" if p_value < _SMALL_CHANCE else f"{p_value:.3f}"


def short_time(when: str) -> str:
    """Return a time in ISO 8601 as a table has it: `2026-11-28 04:11`, by the clock on the wall.

    What is no time is returned as it is.
    """
    try:
        return f"{datetime.fromisoformat(when).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return when


def span(seconds: float) -> str:
    """Return a time span for people: `2.5 h`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def in_one_line(text: str) -> str:
    """Return text of several lines, the first and what more it says, as one sentence."""
    return "; ".join(line.strip() for line in text.splitlines())


def folded(text: str, first: str = "", then: str = "  ") -> str:
    """Return text in lines of at most `WIDTH` characters; a word that is longer stays whole.

    first, then: what the first line and those after it start with.
    """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def install_hint(extra: str) -> str:
    """Return how to install what `pyproject.toml` lists as the extra of this name."""
    return (
        f"pip install '.[{extra}]' in the clone, or "
        f"'housing_loop-{__version__}-py3-none-any.whl[{extra}]'"
    )
