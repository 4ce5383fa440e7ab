"""Write priced rows: the table's own columns as they are, and those of the prices behind them.

A file is there when all was written, and not before. A Parquet file is made of the finished csv by
DuckDB, as a stream.
"""

from __future__ import annotations

import contextlib
import csv
import io
import stat
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import orjson

from housing_cli.data.kinds import MISSING
from housing_cli.data.marks import COMMA, DOT
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import OutputError, UsageError
from housing_cli.files import open_output, reason, replacing
from housing_cli.pricing.rows import Refusal
from housing_cli.pricing.source import Source

CSV, PARQUET = ".csv", ".parquet"
ERROR_COLUMNS = ("file", "line", "column", "reason", "value")
PREFIX = "housing_"
"""Before the name of a column of ours that the table has already."""
MOST_NAMED = 3
"""Refusals that messages name."""


def format_of(path: Path) -> str:
    """Return the format that a file's name asks for; pipes and devices get csv.

    Raises `UsageError` for any other name.
    """
    if path.suffix.lower() in (CSV, PARQUET):
        return path.suffix.lower()
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            return CSV
    raise UsageError(
        f"`--out {path}` says no format", "give a name that ends with `.csv` or `.parquet`"
    )


def errors_path(out: Path) -> Path:
    """Return where the rows of `out` that were refused are listed: `prices.errors.csv`."""
    return out.with_name(f"{out.stem}.errors.csv")


def own_names(names: Sequence[str], header: Sequence[str]) -> list[str]:
    """Return what to call the columns of ours, so that none of the table's is called so."""
    found: list[str] = []
    for name in names:
        free, number = name, 1
        while free in header or free in found:
            free, number = PREFIX + name + ("" if number == 1 else f"_{number}"), number + 1
        found.append(free)
    return found


class PricedTable:
    """Writes the rows of `source` with `names`, the columns of their prices, to `file`."""

    def __init__(self, file: BinaryIO, source: Source, names: Sequence[str]) -> None:
        self._file = file
        self._separator = source.separator.encode()
        self._comma = source.decimal_mark == COMMA
        file.write(self._separator.join([source.header_text, *map(str.encode, names)]) + b"\n")

    def write(
        self,
        texts: Sequence[bytes],
        kept: np.ndarray[tuple[int], np.dtype[np.bool_]],
        columns: Sequence[Sequence[float] | Sequence[str] | str],
    ) -> None:
        """Write the records that are `kept`, each with its values of `columns`.

        A column is numbers, words, or one word for all rows.
        """
        rows = list(compress(texts, kept.tolist())) if not kept.all() else texts
        parts = [self._worded(column, len(rows)) for column in columns]
        lines = map(self._separator.join, zip(rows, *parts, strict=True))
        if rows:
            self._file.write(b"\n".join(lines) + b"\n")

    def _worded(self, column: Sequence[float] | Sequence[str] | str, count: int) -> Sequence[bytes]:
        if isinstance(column, str):
            return [column.encode()] * count
        if not count:
            return []
        if isinstance(column[0], str):
            return [str(value).encode() for value in column]
        texts = orjson.dumps(list(column))[1:-1]  # the shortest decimals, ten times as fast
        numbers = texts.split(b",")
        return [n.replace(b".", b",") for n in numbers] if self._comma else numbers


@contextlib.contextmanager
def written_to(out: Path) -> Iterator[BinaryIO]:
    """Give the file that becomes `out`. Raises `OutputError`."""
    try:
        if out.exists() and not stat.S_ISREG(out.stat().st_mode) and not out.is_dir():
            with open_output(out) as file:
                yield file
            return
        with replacing(out) as file:
            yield file
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"`{out}` cannot be written: {reason(error)}",
            "give a file in a directory that you may write, with space on its disk",
        ) from error


class ErrorList:
    """Lists refused rows as csv, in the order of the table, in a file that is made for the first.

    path: that file, `None` for nowhere. The rows' count, and the first refusals, are kept.
    """

    def __init__(self, table: str, path: Path | None, held: contextlib.ExitStack) -> None:
        self._table = table
        self.path = path
        self._held = held
        self._file: BinaryIO | None = None
        self.first: list[Refusal] = []
        self.rows = 0

    @property
    def written(self) -> bool:
        """Return whether there is a file."""
        return self._file is not None

    def open(self) -> None:
        """Make the file, where there is none yet. Raises `OutputError`."""
        if self._file is None and self.path is not None:
            self._file = self._held.enter_context(written_to(self.path))
            self._file.write(_lines([ERROR_COLUMNS]))

    def add(self, refused: Sequence[Refusal]) -> None:
        """Add why rows were refused; a row may have several reasons."""
        if not refused:
            return
        self.open()
        self.rows += len({one.line for one in refused})
        self.first += refused[: MOST_NAMED - len(self.first)]
        if self._file is not None:
            self._file.write(
                _lines([(self._table, r.line, r.column, r.reason, r.value) for r in refused])
            )

    def remove_older(self) -> None:
        """Remove the list of an earlier run, which is about rows that were mended."""
        if self._file is None and self.path is not None and self.path.is_file():
            with self.path.open("rb") as file:
                ours = file.readline() == _lines([ERROR_COLUMNS])
            if ours:
                self.path.unlink()


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def parquet_columns(
    source: Source, names: Sequence[str], schema: FeatureSchema
) -> list[tuple[str, str]]:
    """Return the names of all columns, and what they hold as SQL of the text `{}`.

    Columns of a Parquet table keep their types. Of csv, features that are numbers become so, and
    all others are the text that they are: nobody has said that `007` is a number.
    """
    found = []
    for name in source.header:
        if source.types:
            found.append((name, f"CAST({{}} AS {source.types[name]})"))
        elif name in schema.features and name not in schema.kinds:
            value = _number(source.marks.get(name))
            if name in source.units:
                value = value.replace("{0}", "regexp_extract({0}, '[+-]?[0-9.,]*[0-9][0-9.,]*')")
            found.append((name, value))
        else:
            found.append((name, "{}"))
    own = _number(COMMA if source.decimal_mark == COMMA else None)
    texts = {"model_version", "id"}
    words = [name.removeprefix(PREFIX).rstrip("_23456789") in texts for name in names]
    return found + [(name, "{}" if word else own) for name, word in zip(names, words, strict=True)]


def _number(mark: str | None) -> str:
    text = {COMMA: "replace(replace({0}, '.', ''), ',', '.')", DOT: "replace({0}, ',', '')"}
    missing = ", ".join(f"'{word}'" for word in sorted(MISSING))
    value = text.get(mark or "", "{0}")
    return f"CASE WHEN lower(trim({{0}})) IN ({missing}) THEN NULL ELSE CAST({value} AS DOUBLE) END"
