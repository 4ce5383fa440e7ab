"""served.csv: what an answer carried beyond price and version, a line an answer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from housing_cli.files import open_file
from housing_cli.prediction_log.csv.file import check_header, unavailable
from housing_cli.prediction_log.csv.rows import fields_of, header_line, quoted
from housing_cli.prediction_log.records import SERVED_NUMBERS, Served

COLUMNS = Served.__struct_fields__


def lines_of(rows: Sequence[Served]) -> bytes:
    """Return the lines of rows; what is None becomes an empty field."""
    return "".join(",".join(map(_text, row.columns())) + "\n" for row in rows).encode()


def shadow_lines(version: str, ids: Sequence[str], prices: Sequence[float | None]) -> bytes:
    """Return the lines of rows that carry a shadow's price alone; None becomes an empty field."""
    middle = f",,,,{quoted(version)},"
    priced = zip(ids, prices, strict=True)
    return "".join(
        f"{key}{middle},,\n" if price is None else f"{key}{middle}{price!r},,\n"
        for key, price in priced
    ).encode()


def row_of(line: bytes) -> Served:
    """Return the row of a line without its newline. Raises ValueError."""
    named = list(zip(COLUMNS, fields_of(line), strict=True))
    values: dict[str, Any] = {
        name: float(text) if name in SERVED_NUMBERS else text for name, text in named if text
    }
    return Served(**({"id": ""} | values))


def read(path: Path, first: bytes) -> list[Served]:
    """Return the rows whose ids are not before `first`, ordered by id; broken lines are none."""
    found: dict[str, Served] = {}
    try:
        start = check_header(path, header_line(COLUMNS), COLUMNS)
        with os.fdopen(open_file(path), "rb") as file:
            file.seek(start)
            for line in file:
                if line >= first and line.endswith(b"\n"):
                    with contextlib.suppress(ValueError):
                        row = row_of(line[:-1])
                        found.setdefault(row.id, row)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unavailable(path, error) from error
    return [found[key] for key in sorted(found)]


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    return quoted(value) if isinstance(value, str) else repr(value)
