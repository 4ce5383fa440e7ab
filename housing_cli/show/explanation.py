"""How the contributions to a price are worded for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Rows = list[list[object]]


def figure(amount: float, scale: str) -> str:
    """Return a contribution with its sign, a factor (scale `log`) with its multiplication sign."""
    if scale == "log":
        return f"\N{MULTIPLICATION SIGN}{amount:.3g}"
    return f"{amount:+.3g}".replace("-", "\N{MINUS SIGN}")


def rows_of(
    base: float, listed: Sequence[dict[str, Any]], scale: str, price: float, most: int
) -> Rows:
    """Return feature, value and contribution, from the base down to the price.

    listed: as `/explain` answers, the largest first; those behind the first `most` are one row.
    """
    key = "factor" if scale == "log" else "contribution"
    rows: Rows = [["mean of what was learned", None, f"{base:.4g}"]]
    rows += [[one["feature"], one["value"], figure(one[key], scale)] for one in listed[:most]]
    if rest := [one[key] for one in listed[most:]]:
        together = math.prod(rest) if scale == "log" else math.fsum(rest)
        rows.append([f"{len(rest)} more", None, figure(together, scale)])
    return [*rows, ["predicted price", None, f"{price:.4g}"]]
