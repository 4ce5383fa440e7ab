"""An Excel sheet as csv: it is read whole, as at training, and priced as any other table."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from housing_cli.data.excel import columns_of, excel_rows
from housing_cli.data.header import check_header
from housing_cli.data.kinds import word_of
from housing_cli.data.reading import Reading
from housing_cli.data.schema import FeatureSchema


@dataclass(frozen=True, slots=True)
class Sheet:
    """header: the names of the columns. types: of each, as DuckDB calls it. rows: their numbers."""

    header: list[str]
    types: dict[str, str]
    rows: list[int]
    reading: Reading


def written_as_csv(raw: bytes, target: Path, path: Path, schema: FeatureSchema) -> Sheet:
    """Write the rows of the sheet that fits `schema` as csv without a header. Raises `DataError`.

    raw: the workbook, `path` in messages. Its target is not needed.
    """
    header, rows, sheet = excel_rows(path, raw, schema)
    check_header(header, path, schema, target=False)
    numbers = [number for number, _ in rows]
    cells = {name: [row[at] for _, row in rows] for at, name in enumerate(header)}
    columns, units = columns_of(
        cells, list(schema.features), path, lambda row: f"row {numbers[row]}"
    )
    types = {name: "VARCHAR" if one.dtype != float else "DOUBLE" for name, one in columns.items()}
    nothing = "NA" if len(columns) == 1 else ""  # a line of nothing would be no row
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for values in zip(*(column.tolist() for column in columns.values()), strict=True):
            writer.writerow([_text(value) or nothing for value in values])
    return Sheet(list(columns), types, numbers, Reading("excel", sheet=sheet, units=units))


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else word_of(value)
    return str(value)
