"""Read the columns of an Excel workbook (`.xlsx`), by openpyxl: the extra `excel`.

A cell that holds a number is that number, however the workbook shows it; text in which a number
stands is read as in a CSV file.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import pandas as pd

from housing_cli.data.checks import Place
from housing_cli.data.header import check_header, hits, printable, title
from housing_cli.data.kinds import word_of
from housing_cli.data.marks import with_points
from housing_cli.data.reading import Columns, Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.units import without_units
from housing_cli.errors import DataError

Row = tuple[int, Sequence[Any]]
"""The number of a row in its sheet, and its cells."""
_BEGIN = 30


def is_excel(raw: bytes) -> bool:
    """Return whether a ZIP archive is a workbook."""
    return b"xl/workbook" in raw or b"xl/_rels" in raw or b"xl\\workbook" in raw


def excel_columns(path: Path, raw: bytes, schema: FeatureSchema) -> Columns:
    """Return the columns of the sheet that fits `schema` best. Raises `DataError`."""
    header, rows, sheet = excel_rows(path, raw, schema)
    check_header(header, path, schema)
    cells = {name: [row[at] for _, row in rows] for at, name in enumerate(header)}
    numbers = [number for number, _ in rows]

    def place(row: int) -> str:
        return f"row {numbers[row]}"

    needed = [*schema.features, schema.target]
    columns, units = columns_of(cells, needed, path, place)
    return Columns(columns, place, Reading("excel", sheet=sheet, units=units))


def columns_of(
    cells: dict[str, list[Any]], needed: Sequence[str], path: Path, place: Place
) -> tuple[dict[str, pd.Series], dict[str, str]]:
    """Return cells as columns of numbers or text, and the units of numbers in text."""
    shown = {
        name: [value if isinstance(value, str) else _text(value, "") for value in values]
        for name, values in cells.items()
    }
    read, units = without_units(shown, needed, path, place, parted_by_commas=False)
    # The marks of numbers that are text were set by people, and not by what wrote the others.
    texts = {
        name: [value if isinstance(value, str) else "" for value in cells[name]]
        for name in needed
        if name not in read
    }
    read |= with_points(texts, list(texts), path, place, parted_by_commas=False)
    columns: dict[str, pd.Series] = {}
    for name, values in cells.items():
        if all(value is None or _is_number(value) for value in values):
            numbers = [float("nan") if value is None else float(value) for value in values]
            columns[name] = pd.Series(numbers, dtype="float64")
        else:
            words = zip(values, read.get(name, shown[name]), strict=True)
            columns[name] = pd.Series([_text(value, word) for value, word in words], dtype="str")
    return columns, units


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any, read: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return read
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, date) else word_of(value)


def excel_rows(
    path: Path, raw: bytes, schema: FeatureSchema | None, target: str | None = None
) -> tuple[list[str], list[Row], str]:
    """Return column names, the rows that are not blank, each with its number, and the sheet's name.

    schema: of several sheets the one that fits best is read; `None`: the first that names `target`
    near its top, or else the first that has rows. The name is empty where there is one sheet only.
    Raises `DataError`.
    """
    wanted = schema or (FeatureSchema((), target) if target else None)
    sheets = {name: rows for name, rows in _sheets(path, raw, values=True) if rows}
    if not sheets:
        raise DataError(f"`{path}` is an empty workbook", "give a sheet with a header and rows")

    def fit(name: str) -> tuple[int, int]:
        if wanted is None:
            return 0, 0
        first, *below = (hits(_names(row), wanted) for _, row in sheets[name][:_BEGIN])
        return first, max(below, default=0)  # below a title

    sheet = max(sheets, key=fit)  # the first of the best
    (_, first), *rows = sheets[sheet]
    header = _names(first)
    if wanted is not None:
        _check_begin(header, sheets[sheet], path, wanted)
    if schema is None and rows and sum(map(bool, header)) == 1 < sum(map(_is_filled, rows[0][1])):
        raise title(path, f"row {sheets[sheet][0][0]}", next(filter(None, header)))
    while header and not header[-1] and all(_at(row, len(header) - 1) is None for _, row in rows):
        header.pop()
    if not rows:
        raise DataError(f"`{path}` has a header but no rows", "give a table with rows")
    filled: list[Row] = [
        (number, [_at(row, at) for at in range(len(header))]) for number, row in rows
    ]
    if any(value is None for _, row in filled for value in row):
        _check_formulas(path, raw, sheet, header, filled)
    return header, filled, sheet if len(sheets) > 1 else ""


def _at(row: Sequence[Any], place: int) -> Any:
    value = row[place] if place < len(row) else None
    return None if isinstance(value, str) and not value.strip() else value


def _names(row: Sequence[Any]) -> list[str]:
    return ["" if value is None else word_of(value).strip() for value in map(_plain, row)]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _check_begin(header: list[str], rows: list[Row], path: Path, schema: FeatureSchema) -> None:
    """Raise `DataError` where a title stands before the row of column names."""
    known, needed = hits(header, schema), len(schema.features) + 1
    for number, row in rows[1:_BEGIN] if known < needed else []:
        found = hits(_names(row), schema)
        if found > known and 2 * found > needed:
            title = next((name for name in header if name), "")
            raise DataError(
                f"`{path}`, row {rows[0][0]}: `{printable(title)}` stands where the column names "
                f"should; they are in row {number}",
                f"remove what stands above row {number}",
            )


def _check_formulas(path: Path, raw: bytes, sheet: str, header: list[str], rows: list[Row]) -> None:
    """Raise `DataError` at a formula whose result was never stored: its cell looks empty."""
    formulas = dict(dict(_sheets(path, raw, values=False))[sheet])
    for number, row in rows:
        for at, value in enumerate(row):
            formula = _at(formulas.get(number, ()), at)
            if value is None and isinstance(formula, str) and formula.startswith("="):
                raise DataError(
                    f"`{path}`, row {number}: `{header[at]}` is a formula whose result is not in "
                    "the file",
                    "open the workbook in a spreadsheet program, and save it there",
                    {"column": header[at]},
                )


def _sheets(path: Path, raw: bytes, *, values: bool) -> Iterator[tuple[str, list[Row]]]:
    """Yield the rows that are not blank of each visible sheet.

    values: the results of formulas; else the formulas.
    """
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"`{path}` is an Excel workbook, and `openpyxl` is not installed to read it",
            "install the extra `excel`, or save the sheet as `CSV UTF-8`",
        ) from None
    # What it warns of is the look of a sheet.
    with warnings.catch_warnings(action="ignore"):
        try:
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=values)
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    sheet.reset_dimensions()  # some programs write a wrong size
                    yield sheet.title, _rows(sheet.iter_rows(values_only=True))
        except (
            zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, OSError,
            AttributeError, IndexError, EOFError, zipfile.LargeZipFile,
        ) as error:  # fmt: skip
            raise DataError(
                f"`{path}` is not a readable Excel workbook",
                "save the sheet as `CSV UTF-8`, or the workbook again as `.xlsx`",
            ) from error


def _rows(rows: Iterator[Sequence[Any]]) -> list[Row]:
    numbered = enumerate(rows, start=1)
    return [(number, row) for number, row in numbered if any(map(_is_filled, row))]


def _is_filled(value: object) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))
