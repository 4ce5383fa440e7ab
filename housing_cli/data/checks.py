"""What the columns of a table must be, whatever file they come from; errors name the place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.data.header import printable
from housing_cli.data.kinds import MISSING
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import DataError

Place = Callable[[int], str]
"""Names the place of a row in its file, by its position among the rows: `line 7`."""

MEND = "mend the value, or leave it empty where it is missing"
ALONE = (
    "write the number alone, with `.` as decimal mark, and without separators of thousands, "
    "percent and currency"
)
_AROUND = "%‰'`´’−"  # noqa: RUF001
_SIGNS = {"Sc", "Cf"}  # of currencies, and what takes no room
_DIGITS = re.compile(r"[+-]?[\d.]*\d[\d.]*", re.ASCII)
FLOAT32_MAX = float(np.finfo(np.float32).max)

OTHER_SHARE, OTHER_ROWS, OTHER_PART = 0.05, 5, 0.25
"""Prices other than the commonest: at least a twentieth of the rows, and five rows (of tables below
twenty rows a quarter). With fewer, the thirty labels that a verdict needs hold one on average."""
SAME_WITHIN = 1e-6
"""Relative: prices that are closer are one, for models calculate in float32."""


def numbers_of(column: pd.Series, name: str, path: Path, place: Place) -> NDArray[np.float64]:
    """Return the numbers of a column, NaN for missing. Raises `DataError` at the first other."""
    if pd.api.types.is_float_dtype(column):
        numbers = column.to_numpy(dtype="float64")
    else:
        text = column.fillna("").str.strip()
        missing = text.str.lower().isin(MISSING).to_numpy(dtype=bool)
        parsed = pd.to_numeric(text.mask(missing), errors="coerce")
        numbers = parsed.to_numpy(dtype="float64", na_value=np.nan)
        if (row := first(np.isnan(numbers) & ~missing)) is not None:
            shown = printable(str(text.iloc[row]))
            raise DataError(
                f"`{path}`, {place(row)}: `{name}` is `{shown}`, not a number",
                _mend(str(text.iloc[row])),
            )
    if (row := first(np.isinf(numbers))) is not None:
        raise DataError(f"`{path}`, {place(row)}: `{name}` is infinite", MEND)
    if (row := first(np.abs(numbers) > FLOAT32_MAX)) is not None:
        raise DataError(
            f"`{path}`, {place(row)}: `{name}` is {numbers[row]:g}, beyond what a model can take "
            f"({FLOAT32_MAX:.2g})",
            MEND,
        )
    return numbers


def _mend(text: str) -> str:
    """Say what to do with `text`, which is no number; it may be one with something around it."""
    return f"{MEND}: {ALONE}" if is_dressed(text) else MEND


def is_dressed(text: str) -> bool:
    """Return whether a text is a number with something around it, as `1.450.000 €`."""
    bare = "".join(c for c in text if not _is_around(c)).replace(",", ".")
    return bare != text and _DIGITS.fullmatch(bare) is not None


def _is_around(character: str) -> bool:
    """Whether a character parts thousands, or is a sign of percent, currency or minus."""
    return character.isspace() or character in _AROUND or unicodedata.category(character) in _SIGNS


def first(found: NDArray[np.bool_]) -> int | None:
    """Return the first place that is true, `None` where none is."""
    rows = np.flatnonzero(found)
    return int(rows[0]) if len(rows) else None


def check_limits(
    features: NDArray[np.float64], schema: FeatureSchema, path: Path, place: Place
) -> None:
    """Raise `DataError` at the first value outside of the limits of `schema`."""
    for name, (low, high) in schema.limits.items():
        values = features[:, schema.features.index(name)]
        outside = np.zeros(len(values), dtype=bool)
        if low is not None:
            outside |= values < low
        if high is not None:
            outside |= values > high
        if (row := first(outside)) is not None:
            raise DataError(
                f"`{path}`, {place(row)}: `{name}` is {values[row]:g}, {_outside(low, high)}",
                "mend the value, or the limits under `[data.limits]` in the settings",
            )


def _outside(low: float | None, high: float | None) -> str:
    if low is None:
        return f"above {high:g}"
    return f"below {low:g}" if high is None else f"outside {low:g} to {high:g}"


def check_target(
    target: NDArray[np.float64],
    labeled: NDArray[np.bool_],
    schema: FeatureSchema,
    path: Path,
    place: Place,
) -> None:
    """Raise `DataError` where no row has a price, one is not above 0, or nearly all are the same.

    A model of one price is hardly ever wrong at training time: every error later is more by far.
    """
    if not labeled.any():
        raise DataError(
            f"`{path}` has no value in `{schema.target}`", "give rows whose price is known"
        )
    if (row := first(np.asarray(labeled & ~(target > 0)))) is not None:
        raise DataError(
            f"`{path}`, {place(row)}: `{schema.target}` is {target[row]:g}, not above 0",
            "mend the value, or remove the row",
        )
    check_varies(target[labeled], schema, path)


def check_varies(prices: NDArray[np.float64], schema: FeatureSchema, path: Path) -> None:
    """Raise `DataError` where nearly all known prices (n,) are one, see `OTHER_SHARE`."""
    n, usual = len(prices), float(np.quantile(prices, 0.5, method="lower"))
    others = int((np.abs(prices - usual) > SAME_WITHIN * usual).sum())
    if n < 2 or others >= max(OTHER_SHARE * n, min(OTHER_ROWS, OTHER_PART * n)):  # noqa: PLR2004
        return
    rows, learn = (f"{n - others} of {n}", "too little") if others else (f"all {n}", "nothing")
    digits = "" if (prices == usual).sum() == n - others else ", to six digits,"
    raise DataError(
        f"`{path}`: `{schema.target}` is {usual:g}{digits} in {rows} rows: "
        f"there is {learn} to learn",
        "name the column that holds the prices as `data.target` in the settings",
    )


def check_columns(features: NDArray[np.float64], schema: FeatureSchema, path: Path) -> None:
    """Raise `DataError` for a feature without any value among the labeled rows."""
    if (column := first(np.asarray(np.isnan(features).all(axis=0)))) is not None:
        raise DataError(
            f"`{path}` has no value in `{schema.features[column]}`: it cannot be imputed",
            "fill the column, or take it out of `data.features` in the settings",
        )
