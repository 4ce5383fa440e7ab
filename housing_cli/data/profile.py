"""What the columns of an unknown table are, and which of them a model should not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.data.checks import Place
from housing_cli.data.columns import column_of
from housing_cli.data.foreign import because
from housing_cli.data.guesses import names_a_code, names_a_price, names_a_sale, names_an_id
from housing_cli.data.header import look
from housing_cli.data.kinds import Category, Date, Kind, name_of
from housing_cli.data.schema import check_names
from housing_cli.errors import DataError

Floats = NDArray[np.float64]

_FEW_ROWS = 20
_NEARLY_ALL = 0.95
"""Of the rows that have a value of their own: houses that were sold twice keep their number."""
_MOST_CODES = 1_000
_SAME = 0.99
"""A correlation with the target that no property of a house has."""
_PRODUCT = 0.9995
_SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    kind: number, category, boolean or date; empty where it cannot be read. distinct: how many
    values. missing: their share, 0 to 1. left_out: why no model learns from it, empty for a
    feature. said: the kind is not what the values alone would say, and why.
    """

    name: str
    kind: str = ""
    distinct: int = 0
    missing: float = 0.0
    left_out: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """The columns of n rows, and the numbers (n,) of those that may be features."""

    columns: list[Column]
    numbers: dict[str, Floats]


def profile_of(
    columns: Mapping[str, pd.Series], target: Floats, path: Path, place: Place
) -> Profile:
    """Return what the columns are, the target's not among them. target (n,): NaN where unknown."""
    found: list[Column] = []
    numbers: dict[str, Floats] = {}
    for name, series in columns.items():
        column, values = _one(name, series, ~np.isnan(target), path, place)
        if not column.left_out and any(look(name) == look(other) for other in numbers):
            column = replace(column, left_out="looks the same as another column")
        found.append(column)
        if not column.left_out:
            numbers[name] = values
    leaks = _leaks(found, numbers, target)
    found = [replace(c, left_out=leaks.get(c.name, c.left_out)) for c in found]
    return Profile(found, {name: v for name, v in numbers.items() if name not in leaks})


def _one(
    name: str, series: pd.Series, priced: NDArray[np.bool_], path: Path, place: Place
) -> tuple[Column, Floats]:
    """Return what one column is by itself, and its numbers."""
    try:
        numbers, kind = column_of(series, name, None, path, place)
    except DataError as error:
        return Column(name, left_out=because(path, name, error)), np.empty(0)
    known = numbers[priced & ~np.isnan(numbers)]
    column = Column(name, name_of(kind), len(np.unique(known)), float(np.isnan(numbers).mean()))
    if reason := _unfit(name, kind, known):
        return replace(column, left_out=reason), numbers
    coded = kind is None and names_a_code(name) and (known % 1 == 0).all()
    if coded and 2 < column.distinct <= min(_MOST_CODES, len(known) // 3):  # noqa: PLR2004
        numbers, kind = column_of(series, name, "category", path, place)
        return replace(column, kind="category", said="a code, not an amount"), numbers
    return column, numbers


def _unfit(name: str, kind: Kind | None, known: Floats) -> str:
    """Return why a column is no feature, whatever the target is; empty where it is one."""
    distinct = len(np.unique(known))
    if distinct <= 1:
        return "the same in every row" if distinct else "no value in any row with a price"
    if reason := _identifies(name, kind, known, distinct):
        return reason
    if isinstance(kind, Date) and names_a_sale(name):
        return "the day of a sale is not known before"
    try:
        check_names((name,), f"{name}, sold", {})
    except ValueError as error:
        return str(error)
    return ""


def _identifies(name: str, kind: Kind | None, known: Floats, distinct: int) -> str:
    """Return how a column tells the rows or houses apart, empty where it does not."""
    if isinstance(kind, Category):
        named = names_an_id(name) and distinct > len(known) // 2
        return "an id: most rows have their own" if named else ""
    if kind is not None or len(known) < _FEW_ROWS or (known % 1 != 0).any():
        return ""
    if distinct == len(known) == known.max() - known.min() + 1:
        return "numbers the rows"
    if names_an_id(name) and distinct > _NEARLY_ALL * len(known):
        return "an id: nearly every row has its own"
    return ""


def _leaks(
    found: Sequence[Column], numbers: Mapping[str, Floats], target: Floats
) -> dict[str, str]:
    """Return the columns that know the target, and how that is seen."""
    rows = np.flatnonzero(~np.isnan(target))[:_SAMPLE]
    price = target[rows]
    amounts = {
        column.name: numbers[column.name][rows]
        for column in found
        if column.kind == "number" and column.name in numbers
    }
    leaks: dict[str, str] = {}
    for name, values in amounts.items():
        if (same := max(_correlation(values, price), _correlation(*_ranks(values, price)))) > _SAME:
            leaks[name] = f"nearly the target, correlation {same:.3f}"
    positive = {
        name: np.log(values)
        for name, values in amounts.items()
        if name not in leaks and (values[~np.isnan(values)] > 0).all()
    }
    for one, other in _products(positive, np.log(np.where(price > 0, price, np.nan))):
        # Of area and price per area the latter is what nobody knows of a new house.
        named = [name for name in (one, other) if names_a_price(name)] or [other]
        with_it = other if named[0] == one else one
        leaks.setdefault(named[0], f"times `{with_it}` it is the target")
    return leaks


def _products(logs: Mapping[str, Floats], price: Floats) -> list[tuple[str, str]]:
    """Return the pairs of columns whose product is the price; logs, price: logarithms (n,)."""
    names, found = list(logs), []
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            # Their sum, not any weighted one: otherwise area alone would do where prices follow it.
            both = logs[one] + logs[other]
            spread = float(np.nanstd(price - both)) if not np.isnan(price - both).all() else 1.0
            if _correlation(both, price) > _PRODUCT and spread < 0.01:  # noqa: PLR2004
                found.append((one, other))
    return found


def _ranks(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(one) & ~np.isnan(other)
    return _rank(one[known]), _rank(other[known])


def _rank(values: Floats) -> Floats:
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def _correlation(one: Floats, other: Floats) -> float:
    """Return the size of the correlation of two columns (n,), 0 where they hardly vary."""
    known = ~np.isnan(one) & ~np.isnan(other)
    one, other = one[known], other[known]
    if len(one) < _FEW_ROWS or len(np.unique(one)) < _FEW_ROWS or np.ptp(other) == 0:
        return 0.0
    return abs(float(np.corrcoef(one, other)[0, 1]))
