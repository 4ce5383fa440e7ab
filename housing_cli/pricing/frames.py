"""Data frames as the numbers that a model reads, by the names of their columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.data.header import check_header, printable
from housing_cli.data.kinds import Boolean, Value
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError
from housing_cli.pricing.values import Values
from housing_cli.words import counted

Floats = NDArray[np.float64]

_FRAME = Path("DataFrame")


def numbers_of(
    frame: pd.DataFrame, schema: FeatureSchema, *, refuse: bool
) -> tuple[Floats, dict[str, dict[str, int]]]:
    """Return the features (n, k) of a frame, whose columns have any order and may be more.

    And in how many rows which unknown word of which feature is.

    Values are taken as `/predict` takes them: a number is no text, a missing one is NaN or `None`.
    refuse: words that a vocabulary lacks are refused. Raises `DataError`, which names the columns
    that are missing, or the first row that `/predict` would refuse, by its index.
    """
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"a `{type(frame).__name__}` has no columns with names",
            "give a `pandas.DataFrame`; of one row: `frame.iloc[[0]]`",
        )
    check_header([str(name) for name in frame.columns], _FRAME, schema, target=False)
    values = Values(schema, refuse=refuse)
    numbers = np.empty((len(frame), len(schema.features)))
    odd = np.zeros(len(frame), dtype=bool)
    for at, name in enumerate(schema.features):
        if name in schema.kinds:
            numbers[:, at], wrong, met = values.codes(name, frame[name], _reader(schema, name))
            values.count(name, met, np.ones(len(frame), dtype=bool))
        else:
            numbers[:, at], wrong = _column(frame[name])
        odd |= wrong
    odd |= values.beyond(numbers)
    _check(frame, values, np.flatnonzero(odd).tolist())
    return numbers, values.unknown_words()


def _column(column: pd.Series) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a column of numbers, and which of its values are none."""
    kind = column.dtype
    if pd.api.types.is_bool_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        return np.full(len(column), np.nan), np.ones(len(column), dtype=bool)
    if pd.api.types.is_numeric_dtype(kind):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(column), dtype=bool)
    values = [_number(value) for value in column]
    odd = np.array([value is not None and not isinstance(value, float) for value in values])
    return np.array([v if isinstance(v, float) else np.nan for v in values]), odd.astype(bool)


def _number(value: Any) -> Any:
    """Return a value as JSON would have it: a float, `None`, or what it is."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Real | Decimal):
        number = float(value)
        return None if number != number else number  # noqa: PLR0124 - NaN
    return None if _is_nothing(value) else str(value)


def _is_nothing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT


def _reader(schema: FeatureSchema, name: str) -> Callable[[Any], Value]:
    truth = isinstance(schema.kinds[name], Boolean)

    def read(value: Any) -> Value:
        """Return a word, a day, yes or no as JSON would have it."""
        if _is_nothing(value):
            return None
        if isinstance(value, bool | np.bool_):
            return bool(value) if truth else str(bool(value)).lower()
        if isinstance(value, Integral):
            return str(int(value)) if truth else int(value)
        if isinstance(value, Real):
            number = float(value)
            if number != number:  # noqa: PLR0124 - NaN
                return None
            whole = str(int(number)) if number.is_integer() else str(number)
            return whole
        return value.isoformat() if isinstance(value, date) else str(value)

    return read


def _check(frame: pd.DataFrame, values: Values, places: list[int]) -> None:
    """Raise `DataError` for the first of the rows at `places` that `/predict` would refuse."""
    refused: list[tuple[int, str, str]] = []
    rows = 0
    schema = values.schema
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(schema.features, _number)
    readers |= {name: _reader(schema, name) for name in schema.kinds}
    for place in places:
        said = {name: read(frame[name].iloc[place]) for name, read in readers.items()}
        found = values.refusals(said)
        rows += bool(found)
        refused += [(place, *one) for one in found]
    if not refused:
        return
    place, name, why = refused[0]
    more = f" ({counted(rows, 'row')} of {len(frame)} would be refused)" if rows > 1 else ""
    shown = printable(str(frame[name].iloc[place]))
    raise DataError(
        f"row {frame.index[place]!r}: `{name}` is `{shown}`: {why}{more}",
        "mend or drop these rows; `housing predict` prices the others of a file",
    )
