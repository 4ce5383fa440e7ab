"""Which mark of a table of text is the decimal one: comma or dot.

`144.993` is 144993 where a comma is the decimal mark, as in spreadsheets of half of the world, and
145 where a dot is. Most numbers settle it: `54,5` and `1.234.567` can be read in one way only. What
settles a column is the column; a column that leaves it open is refused, unless the file has one
mark alone, that mark is the one the column is written with, and a column that is needed settles it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from housing_cli.data.checks import Place
from housing_cli.errors import DataError

DOT, COMMA = ".", ","
_NAMES = {DOT: "point", COMMA: "comma"}
_OTHER = {DOT: COMMA, COMMA: DOT}
_SWAPPED = str.maketrans(",.", ".,")
# A number with a decimal point: plain, with an exponent, or with commas between its thousands. What
# begins with a zero has no thousands.
_NUMBER = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?)",
    re.ASCII | re.IGNORECASE,
)


def readings(text: str) -> dict[str, str]:
    """Return the number that `text` is, as Python writes it, by each decimal mark it may have."""
    read = ((DOT, text), (COMMA, text.translate(_SWAPPED)))
    return {mark: number.replace(",", "") for mark, number in read if _NUMBER.fullmatch(number)}


@dataclass(frozen=True, slots=True)
class _Column:
    """The first row of each decimal mark that its values settle, or leave open, and the value."""

    settled: dict[str, tuple[int, str]] = field(default_factory=dict)
    left_open: dict[str, tuple[int, str]] = field(default_factory=dict)


class Marks:
    """Learns from a table's values, all at once or part by part, which mark is the decimal one.

    parted_by_commas: a comma is no part of a number then.
    """

    def __init__(self, *, parted_by_commas: bool) -> None:
        self._by_commas = parted_by_commas
        self._columns: dict[str, _Column] = {}

    def look(self, name: str, values: Sequence[str], rows: Sequence[int]) -> None:
        """Learn from values of a column; rows: what `place` of `settle` calls each of them by."""
        column = self._columns.setdefault(name, _Column())
        settled, left_open = column.settled, column.left_open
        for row, value in zip(rows, values, strict=True):
            points, commas = value.count(DOT), value.count(COMMA)
            # What has one mark tells nothing new where an earlier value settled it: most do.
            if points + commas == 0 or (points + commas == 1 and _mark_of(value) in settled):
                continue
            read = readings(value.strip())
            if len(read) == 1:
                settled.setdefault(next(iter(read)), (row, value.strip()))
            elif read and read[DOT] != read[COMMA]:
                left_open.setdefault(_mark_of(value), (row, value.strip()))

    def known(self, name: str) -> set[str]:
        """Return the decimal marks that the values of a column settle."""
        return set(self._columns[name].settled) if name in self._columns else set()

    def settle(self, needed: Sequence[str], path: Path, place: Place) -> dict[str, str]:
        """Return the decimal mark of each of the `needed` columns, which were looked at.

        Raises `DataError` for a column that can be read in two ways, and where numbers of `needed`
        have different decimal marks.
        """
        settled = {mark for column in self._columns.values() for mark in column.settled}
        # A column that nobody asks for may hold days (`31.12`), numbers of versions or of streets.
        asked = {name: self._columns.get(name, _Column()) for name in needed}
        known = {mark for column in asked.values() for mark in column.settled}
        if self._by_commas:
            settled.add(DOT)
            known.add(DOT)
        else:
            _check_one_mark(asked, path, place)
        found: dict[str, str] = {}
        for name, column in asked.items():
            if not column.settled:
                for mark, (row, value) in column.left_open.items():
                    # A comma within a comma-separated file is refused as no number.
                    if (settled != {mark} or mark not in known) and not (
                        self._by_commas and mark == COMMA
                    ):
                        raise _ambiguous(value, name, path, place(row), settled)
            found[name] = next(iter(column.settled or column.left_open), DOT)
        return found


def with_points(
    columns: Mapping[str, Sequence[str]],
    needed: Sequence[str],
    path: Path,
    place: Place,
    *,
    parted_by_commas: bool,
) -> dict[str, Sequence[str]]:
    """Return the `needed` columns with decimal points, and without separators of thousands.

    Where commas part the columns, a comma is no part of a number, and numbers stay as they are.
    Values that are no number stay, too. Raises `DataError` as `Marks.settle` does.
    """
    marks = Marks(parted_by_commas=parted_by_commas)
    for name, values in columns.items():
        marks.look(name, values, range(len(values)))
    found = marks.settle(needed, path, place)
    if parted_by_commas:
        return {name: columns[name] for name in needed}
    return {name: [pointed(value, found[name]) for value in columns[name]] for name in needed}


def _mark_of(text: str) -> str:
    return DOT if DOT in text else COMMA


def pointed(value: str, mark: str) -> str:
    """Return the number as Python writes it; other text as it is."""
    if mark == DOT and COMMA not in value:
        return value
    whole, comma, fraction = value.partition(COMMA)
    if mark == COMMA and whole.isdigit() and fraction.isdigit():  # most, and ten times as fast
        return f"{whole}.{fraction}"
    if comma or DOT in whole:
        return readings(value.strip()).get(mark, value)
    return value


def _check_one_mark(found: Mapping[str, _Column], path: Path, place: Place) -> None:
    """Raise `DataError` at the first number whose decimal mark is not that of those before it."""
    firsts = {
        mark: min(
            (c.settled[mark][0], name, c.settled[mark][1])
            for name, c in found.items()
            if mark in c.settled
        )
        for mark in (DOT, COMMA)
        if any(mark in c.settled for c in found.values())
    }
    if len(firsts) == 1 or not firsts:
        return
    mark = max(firsts, key=lambda key: firsts[key][0])
    (row, name, value), (before, other, usual) = firsts[mark], firsts[_OTHER[mark]]
    raise DataError(
        f"`{path}`, {place(row)}: `{name}` is `{value}`, with a decimal "
        f"{_NAMES[mark]}, but `{other}` is `{usual}` on {place(before)}",
        "write every number of the file with one decimal mark",
        {"column": name},
    )


def _ambiguous(text: str, name: str, path: Path, place: str, settled: set[str]) -> DataError:
    read = readings(text)
    mark = _mark_of(text)
    decimal = f"{read[mark]}0".replace(DOT, mark if len(settled) != 1 else next(iter(settled)))
    thousands = read[_OTHER[mark]]
    return DataError(
        f"`{path}`, {place}: `{name}` is `{text}`, which may be {thousands} or {read[mark]}, and "
        "no other value of the column tells which",
        f"write its numbers without separators of thousands (`{thousands}`); if the mark is the "
        f"decimal one, write `{decimal}`",
        {"column": name},
    )
