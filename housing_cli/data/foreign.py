"""A table that nobody has described yet: its names, and its columns as far as they can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from housing_cli.data import delimited, excel
from housing_cli.data.delimited import csv_texts
from housing_cli.data.excel import excel_rows
from housing_cli.data.header import check_names_there
from housing_cli.data.parquet import parquet_columns, parquet_header
from housing_cli.data.reading import Columns, Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_bytes, reader_of, unpacked
from housing_cli.errors import DataError


@dataclass(frozen=True, slots=True)
class Foreign:
    """A file that was opened: the names of its columns, as they stand there, and what reads some.

    read: returns the columns of a file as `read_table` sees them, where these names are asked for;
    raises `DataError`.
    """

    path: Path
    header: list[str]
    read: Callable[[Sequence[str]], Columns]

    def readable(self, target: str) -> tuple[Columns, dict[str, str]]:
        """Return the columns that can be read, and of the others why they cannot.

        Raises `DataError` for what is wrong with the target, or with the file.
        """
        asked = [*dict.fromkeys(name for name in self.header if name)]
        unreadable: dict[str, str] = {}
        while True:
            try:
                columns, place, reading = self.read(asked)
            except DataError as error:
                name = str(error.evidence.get("column", ""))
                if name not in asked or name == target:
                    raise
                asked.remove(name)
                unreadable[name] = because(self.path, name, error)
            else:
                return Columns({name: columns[name] for name in asked}, place, reading), unreadable


def because(path: Path, name: str, error: DataError) -> str:
    """Return what a message says of a column, without the names of file and column."""
    said = error.message.removeprefix(f"`{path}`").lstrip(",: ")
    return said.removeprefix(f"`{name}` ").replace(f": `{name}` is ", ": ")


def open_foreign(path: Path, target: str | None = None) -> Foreign:
    """Open a table whose columns are not known. Raises `DataError`.

    target: the column that tells which sheet of a workbook is meant.
    """
    opened = _opened(path, target)
    check_names_there(opened.header, path)
    return opened


def _opened(path: Path, target: str | None) -> Foreign:
    raw, _ = unpacked(path, read_bytes(path))
    reader = reader_of(path, raw)
    if reader is parquet_columns:

        def of_parquet(names: Sequence[str]) -> Columns:
            return parquet_columns(path, raw, FeatureSchema(tuple(names[:-1]), names[-1]))

        return Foreign(path, parquet_header(path, raw), of_parquet)
    if reader is excel.excel_columns:
        return _of_workbook(path, raw, target)
    written = csv_texts(path, raw, None)
    return Foreign(path, written.header, lambda names: delimited.columns_of(path, written, names))


def _of_workbook(path: Path, raw: bytes, target: str | None) -> Foreign:
    header, rows, sheet = excel_rows(path, raw, None, target)
    cells: dict[str, list[Any]] = {
        name: [row[at] for _, row in rows] for at, name in enumerate(header)
    }
    numbers = [number for number, _ in rows]

    def place(row: int) -> str:
        return f"row {numbers[row]}"

    def read(names: Sequence[str]) -> Columns:
        columns, units = excel.columns_of(cells, names, path, place)
        return Columns(columns, place, Reading("excel", sheet=sheet, units=units))

    return Foreign(path, header, read)
