"""Read the columns of a CSV table: comma, semicolon or tab, any line ends, with a BOM or none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from housing_cli.data.encodings import Text, text_of
from housing_cli.data.header import PART, check_header, hits, printable, title
from housing_cli.data.marks import with_points
from housing_cli.data.reading import Columns, Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.units import without_units
from housing_cli.errors import DataError

SEPARATORS = ",;\t"
BEGIN = 30
"""Lines among which the column names are looked for, to say where they are."""
LINE_END = re.compile(r"\r\n|\r|\n")


class Delimited(NamedTuple):
    """Names and columns of a file as they are written, its rows' places, and its whole text."""

    header: list[str]
    texts: dict[str, Sequence[str]]
    places: list[str]
    by_commas: bool
    text: Text


def csv_columns(path: Path, raw: bytes, schema: FeatureSchema) -> Columns:
    """Return the columns as text, and what to call the place of each row."""
    return columns_of(path, csv_texts(path, raw, schema), (*schema.features, schema.target))


def columns_of(path: Path, written: Delimited, needed: Sequence[str]) -> Columns:
    """Return the columns as text, the `needed` ones with numbers as Python writes them.

    Raises `DataError` for numbers that can be read in two ways.
    """
    _, texts, places, by_commas, found = written
    place = places.__getitem__
    read, units = without_units(texts, needed, path, place, parted_by_commas=by_commas)
    others = {name: values for name, values in texts.items() if name not in read}
    asked = [name for name in needed if name not in read]
    texts = texts | with_points(others, asked, path, place, parted_by_commas=by_commas) | read
    columns = {name: pd.Series(values, dtype="str") for name, values in texts.items()}
    reading = Reading("csv", encoding=found.encoding, sample=found.sample, units=units)
    return Columns(columns, place, reading)


def csv_texts(path: Path, raw: bytes, schema: FeatureSchema | None) -> Delimited:
    """Return what a file says, column by column; `None`: whatever they are. Raises `DataError`."""
    found = text_of(path, raw)
    text, separator = separated(path, found.text, schema)
    header: list[str] = []
    rows: list[list[str]] = []
    places: list[str] = []
    for place, row in _csv_rows(path, text, separator):
        if not header:
            header = [name.strip() for name in row]
            if schema is not None:
                check_begin(header, path, text, schema)
                check_header(header, path, schema)
        elif schema is None and not rows and sum(map(bool, header)) == 1 < sum(map(bool, row)):
            raise title(path, "line 1", next(filter(None, header)))
        elif len(row) != len(header):
            raise DataError(
                f"`{path}`, {place}: {len(row)} values for {len(header)} columns",
                "give every line as many values as the header; a value that holds the separator "
                "stands in double quotes",
            )
        elif [value.strip() for value in row] == header:
            raise DataError(f"`{path}`, {place}: the header stands there again", "remove that line")
        else:
            rows.append(row)
            places.append(place)
    if not rows:
        raise DataError(f"`{path}` has a header but no rows", "give a table with rows")
    columns = zip(header, map(list, zip(*rows, strict=True)), strict=True)
    return Delimited(header, dict(columns), places, separator == ",", found)


def separated(path: Path, text: str, schema: FeatureSchema | None) -> tuple[str, str]:
    """Return the text without a line `sep=;`, which is for Excel, and what parts its columns."""
    begin = re.match(r"[\r\n]*", text)
    start = begin.end() if begin else 0
    first = LINE_END.split(text[start:], maxsplit=1)[0]
    if told := re.fullmatch(r'"?sep=(.)"?[,;\t]*', first.strip(" "), re.IGNORECASE):
        if told[1] not in SEPARATORS:
            line = len(LINE_END.findall(text[:start])) + 1
            raise DataError(
                f"`{path}`, line {line}: the columns are parted by `{printable(told[1])}`", PART
            )
        return text[:start] + text[start + len(first) :], told[1]
    second = LINE_END.split(text[start:], maxsplit=2)[1:2]

    def fit(mark: str) -> tuple[int, int]:
        names = names_in(first, mark)
        if schema is not None:
            return hits(names, schema), first.count(mark)
        return second != [] and len(names_in(second[0], mark)) == len(names), len(names)

    return text, max(SEPARATORS, key=fit)


def names_in(line: str, separator: str) -> list[str]:
    """Return the names in a line that `separator` parts; none where it is no csv."""
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []


def check_begin(header: list[str], path: Path, text: str, schema: FeatureSchema) -> None:
    """Raise `DataError` where a title or comments stand before the line of column names."""
    known, needed = hits(header, schema), len(schema.features) + 1
    if known == needed:
        return
    lines = LINE_END.split(text, maxsplit=BEGIN)[:BEGIN]
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, line in numbered[1:]:
        found = max(hits(names_in(line, mark), schema) for mark in SEPARATORS)
        if found > known and 2 * found > needed:
            first, title = numbered[0]
            raise DataError(
                f"`{path}`, line {first}: `{printable(title)}` stands where the column names "
                f"should; they are on line {number}",
                f"remove what stands before line {number}",
            )


def _csv_rows(path: Path, text: str, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows that are not blank, each with the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 0
    try:
        for row in reader:
            begins, line = line + 1, reader.line_num
            if len(row) > 1 or (row and row[0].strip()):
                yield f"line {begins}", row
    except csv.Error as error:
        unclosed = "unexpected end of data" in str(error)
        reason = "a quote is opened and never closed" if unclosed else str(error)
        raise DataError(
            f"`{path}`, line {line + 1}: not CSV: {reason}",
            "close every double quote, and write one inside a value twice",
        ) from None
