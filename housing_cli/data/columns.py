"""Columns of a table as numbers: of what kind each is, and the codes of its words and days.

What is a number in nearly every row is a number, and the rows that are none are errors; a column of
words is a category. Between the two lies the column in which a word is said again and again beside
numbers (`3`, `4`, `ground floor`): a category too, for a typo is not made twenty times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.data.checks import MEND, Place, is_dressed, numbers_of
from housing_cli.data.header import printable
from housing_cli.data.kinds import (
    MISSING,
    NO,
    YES,
    Boolean,
    Category,
    Date,
    Kind,
    KindName,
    Value,
    coder,
    day_of,
    vocabulary,
    word_of,
)
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError

ONE_HOT_MOST = 16
"""A category of more words is read by the target's mean: a column for each would be too many."""
MOST_WORDS, MANY_ROWS = 0.5, 50
"""Words that are mostly different, in a table of some length, are no category but names."""
_EMPTY: dict[str, Kind] = {"category": Category(), "boolean": Boolean(), "date": Date()}
_FEWEST_NUMBERS = 0.5
_OFTEN, _OFTEN_SHARE = 20, 0.02
"""So many values that are no number, and so large a share of all, are no typos."""

_DAY = re.compile(r"(\d{1,2}[/. -]){2}\d{2,4}|\d{4}([/.]\d{1,2}){2}")
"""A day as people write it: which of its numbers is the month, the day alone does not tell."""


def matrix_of(
    columns: Mapping[str, pd.Series],
    schema: FeatureSchema,
    declared: Mapping[str, Kind | KindName],
    path: Path,
    place: Place,
) -> tuple[NDArray[np.float64], dict[str, Kind]]:
    """Return the features of n rows (n, k) in the schema's order, and what is no number.

    declared: kinds that are known, whose vocabularies learn the words that are new; what it does
    not name is looked at. Raises `DataError` at the first value that its column cannot hold.
    """
    kinds: dict[str, Kind] = {}
    found = []
    for name in schema.features:
        numbers, kind = column_of(columns[name], name, declared.get(name), path, place)
        if kind is not None:
            if name in schema.limits:
                raise DataError(
                    f"`{path}`: `{name}` has limits and holds words",
                    f"take `{name}` out of `[data.limits]` in the settings",
                )
            kinds[name] = kind
        found.append(numbers)
    return np.column_stack(found), kinds


def column_of(
    column: pd.Series, name: str, declared: Kind | KindName | None, path: Path, place: Place
) -> tuple[NDArray[np.float64], Kind | None]:
    """Return one column of n rows (n,), and what it is. Raises `DataError`, see `matrix_of`."""
    kind = kind_of(column) if declared is None else _EMPTY.get(str(declared), declared)
    if kind is None or isinstance(kind, str):
        return numbers_of(column, name, path, place), None
    values = _values(column)
    if isinstance(kind, Category):
        kind = _learned(kind, values, name, path)
    numbers = _coded(values, kind, name, path, place)
    if isinstance(kind, Date) and not kind.reference and not np.isnan(numbers).all():
        newest = pd.Timestamp(int(np.nanmax(numbers)), unit="D")
        kind = Date(newest.date().isoformat())
    return numbers, kind


def kind_of(column: pd.Series) -> Kind | None:
    """Return what a column of text is, `None` for numbers."""
    if pd.api.types.is_float_dtype(column):
        return None
    text = column.fillna("").str.strip()
    known = text[~text.str.lower().isin(MISSING)]
    no_number = known[pd.to_numeric(known, errors="coerce").isna()]
    words = no_number.drop_duplicates()
    if not len(words) or words.map(is_dressed).mean() > _FEWEST_NUMBERS:
        return None
    if len(no_number) == len(known) and set(words.str.lower()) <= YES | NO:
        return Boolean()
    if len(no_number) == len(known) and all(day_of(word) is not None for word in words):
        return Date()
    share = len(no_number) / len(known)
    repeated = (
        len(no_number) >= _OFTEN and share >= _OFTEN_SHARE and 2 * len(words) <= len(no_number)
    )
    if share > 1 - _FEWEST_NUMBERS or repeated:
        return Category()
    return None


def _values(column: pd.Series) -> list[Value]:
    """Return the values of a column, as JSON would have them."""
    if pd.api.types.is_float_dtype(column):
        return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124
    return column.fillna("").tolist()


def _learned(kind: Category, values: list[Value], name: str, path: Path) -> Category:
    """Return the category with the words that it did not know; encoding: as it fits them."""
    read = coder(kind)
    present = [value for value in values if value is not None and read(value) is not None]
    words, known = {word_of(value) for value in present}, len(present)
    if not kind.codes and known >= MANY_ROWS and len(words) > MOST_WORDS * known:
        if all(map(_DAY.fullmatch, words)):
            first = printable(word_of(present[0]))
            raise DataError(
                f"`{path}`: `{name}` has days like `{first}`; only such as `2026-11-28` are read",
                f"write them so, or take `{name}` out of `data.features` in the settings",
            )
        raise DataError(
            f"`{path}`: `{name}` has {len(words)} different words in {known} rows: names, not a "
            "category",
            f"take `{name}` out of `data.features` in the settings",
        )
    codes = vocabulary(words, kind.codes)
    few = len(codes) <= ONE_HOT_MOST
    return Category(codes, kind.encoding or ("one-hot" if few else "target"))


def _coded(
    values: list[Value], kind: Kind, name: str, path: Path, place: Place
) -> NDArray[np.float64]:
    read = coder(kind)
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        try:
            code = read(value)
        except ValueError as error:
            raise DataError(
                f"`{path}`, {place(row)}: `{name}` is `{printable(str(value))}`, {error}", MEND
            ) from None
        if code is not None:
            numbers[row] = code
    return numbers
