"""Records of a table as rows of numbers, and what `/predict` would say of those that are none.

Plain blocks are read by pandas' csv reader, which reads each number to the last bit (since 3.1).
Where it finds anything but numbers, each value of the block is looked at by itself. A value is
refused as `/predict` refuses it (see `values`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.data.header import printable
from housing_cli.data.kinds import MISSING, Value
from housing_cli.data.marks import DOT, pointed
from housing_cli.data.schema import FeatureSchema
from housing_cli.pricing.records import Records
from housing_cli.pricing.settling import bare
from housing_cli.pricing.source import Source
from housing_cli.pricing.values import Values

Floats = NDArray[np.float64]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.ASCII | re.IGNORECASE)
_SPELLINGS = sorted({f(word) for word in MISSING for f in (str.lower, str.upper, str.capitalize)})
_SPELLINGS += ["NaN", "-NaN"]
_YES_OR_NO = frozenset({"true", "false"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row was not priced: where it is, in which column, and what stands there."""

    line: int
    column: str
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What is to be priced of n records: features (m, k) as `/predict` reads them, kept (n,)."""

    features: Floats
    kept: NDArray[np.bool_]
    refused: Sequence[Refusal]


class RowReader:
    """Reads records of `source` as rows of `schema`; refuse: see `Values`."""

    def __init__(self, source: Source, schema: FeatureSchema, *, refuse: bool) -> None:
        self._source = source
        self._schema = schema
        self._values = Values(schema, refuse=refuse)
        self._places = {name: source.header.index(name) for name in schema.features}

    def read(self, records: Records) -> Rows:
        """Return the rows of a block."""
        columns = self._parsed(records)
        if columns is not None:
            wrong = np.zeros(len(records), dtype=bool)
            rows: list[list[str]] = []
        else:
            rows = [records.of(k, self._source.separator) for k in range(len(records))]
            columns, wrong = self._split(rows)
        numbers, odd, met = self._numbers(columns)
        refused = {}
        for place in np.flatnonzero(wrong | odd).tolist():
            row = rows[place] if rows else records.of(place, self._source.separator)
            if found := self._refusals(records.lines[place], row):
                refused[place] = found
        kept = np.ones(len(records), dtype=bool)
        kept[list(refused)] = False
        for name, words in met.items():
            self._values.count(name, words, kept)
        return Rows(numbers[kept], kept, [one for found in refused.values() for one in found])

    def unknown_words(self) -> dict[str, dict[str, int]]:
        """Return the unknown words of each feature, and in how many kept rows they were."""
        return self._values.unknown_words()

    def _parsed(self, records: Records) -> dict[str, pd.Series] | None:
        """Return the columns of a plain block, numbers as such; `None` where that is not plain."""
        marks = self._source.marks.values()
        if records.plain is None or any(mark != DOT for mark in marks):
            return None
        kinds = self._schema.kinds
        places = self._places.items()
        types: dict[Any, Any] = {at: "str" if name in kinds else "float64" for name, at in places}
        missing: dict[Any, Any] = {at: _SPELLINGS for at, kind in types.items() if kind != "str"}
        try:
            frame = pd.read_csv(
                io.BytesIO(records.plain),
                sep=self._source.separator,
                header=None,
                names=list(range(len(self._source.header))),
                index_col=False,
                usecols=list(types),
                dtype=types,
                na_values=missing,
                keep_default_na=False,
                quoting=csv.QUOTE_NONE,
                engine="c",
            )
        except (ValueError, OverflowError):
            return None
        if len(frame) != len(records):
            return None
        columns = {name: frame[place] for name, place in self._places.items()}
        return None if self._holds_words(records, columns) else columns

    def _holds_words(self, records: Records, columns: dict[str, pd.Series]) -> bool:
        """Return whether a column of `true` and `false` was read as numbers."""
        for name, column in columns.items():
            if name in self._schema.kinds:
                continue
            numbers = column.to_numpy()
            known = np.flatnonzero(~np.isnan(numbers))
            if len(known) and numbers[known[0]] in (0.0, 1.0):
                row = records.of(int(known[0]), self._source.separator)
                if row[self._places[name]].strip().lower() in _YES_OR_NO:
                    return True
        return False

    def _split(self, rows: list[list[str]]) -> tuple[dict[str, pd.Series], NDArray[np.bool_]]:
        """Return the columns, all as text, and which rows have another number of values."""
        width = len(self._source.header)
        wrong = np.array([len(row) != width for row in rows], dtype=bool)
        names = self._source.header
        header = np.array([_is_header(row, names) for row in rows], dtype=bool)
        whole = [row if len(row) == width else [""] * width for row in rows]
        columns = {
            name: pd.Series([row[place] for row in whole], dtype=object)
            for name, place in self._places.items()
        }
        return columns, wrong | header

    def _numbers(
        self, columns: dict[str, pd.Series]
    ) -> tuple[Floats, NDArray[np.bool_], dict[str, dict[str, list[int]]]]:
        """Return numbers (n, k), which rows `/predict` may refuse, and where unknown words are."""
        n = len(next(iter(columns.values())))
        numbers, odd = np.full((n, len(columns)), np.nan), np.zeros(n, dtype=bool)
        met: dict[str, dict[str, list[int]]] = {}
        for at, (name, column) in enumerate(columns.items()):
            if name in self._schema.kinds:
                read = partial(self._pointed, name)
                found, wrong, met[name] = self._values.codes(name, column, read)
            elif column.dtype == np.float64:
                found, wrong = column.to_numpy(), np.zeros(n, dtype=bool)
            else:
                values = [self._number(name, value) for value in column]
                wrong = np.array([isinstance(value, str) for value in values], dtype=bool)
                found = np.array([np.nan if isinstance(v, str) or v is None else v for v in values])
            numbers[:, at] = found
            odd |= wrong
        return numbers, odd | self._values.beyond(numbers), met

    def _pointed(self, name: str, text: str) -> str:
        if unit := self._source.units.get(name):
            text = bare(text, unit)
        mark = self._source.marks.get(name)
        return text if mark is None else pointed(text, mark)

    def _number(self, name: str, text: str) -> float | str | None:
        """Return a value as JSON would have it: a number, `None` for a missing one, else text."""
        text = self._pointed(name, text).strip()
        if text.lower() in MISSING:
            return None
        if _NUMBER.fullmatch(text) or _INFINITE.fullmatch(text):
            return float(text)
        return text

    def _refusals(self, line: int, row: list[str]) -> list[Refusal]:
        """Return what `/predict` says of a row; nothing where it takes it."""
        header = self._source.header
        if len(row) != len(header):
            return [Refusal(line, "", f"{len(row)} values for {len(header)} columns")]
        if _is_header(row, header):
            return [Refusal(line, "", "the header stands there again")]
        said: dict[str, Value] = {}
        for name, place in self._places.items():
            # A word is read by its own kind, the empty one too.
            read = self._pointed if name in self._schema.kinds else self._number
            said[name] = read(name, row[place])
        return [
            Refusal(line, name, reason, printable(row[self._places[name]]))
            for name, reason in self._values.refusals(said)
        ]


def _is_header(row: Sequence[str], header: Sequence[str]) -> bool:
    return row[0].strip() == header[0] and [value.strip() for value in row] == header
