"""What the numbers of a table are written with: decimal marks and units, before they are read.

As at training (`data/marks.py`, `data/units.py`), but without holding the table: its first block
tells which columns have a unit, and all of it is looked at once for the marks. A number in another
unit than its column's is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from housing_cli.data.checks import Place
from housing_cli.data.kinds import is_missing
from housing_cli.data.marks import COMMA, DOT, Marks
from housing_cli.data.units import unit_of
from housing_cli.pricing.records import Records

_MOSTLY = 0.5
"""Of the values of a column: so many have a unit, or it has none."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the first block shows.

    units: of features whose numbers have one. thousands: features whose values hold commas, though
    commas part the columns. others: units of columns that are no features.
    """

    units: Mapping[str, str] = field(default_factory=dict)
    thousands: tuple[str, ...] = ()
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """The decimal mark of each column that may have one or the other, and that of the file."""

    marks: dict[str, str] = field(default_factory=dict)
    mark: str = DOT


def first_look(
    records: Records | None,
    header: Sequence[str],
    numbers: Sequence[str],
    separator: str,
) -> Look:
    """Return what the columns of a block show; numbers: the features that are numbers."""
    rows = [] if records is None else whole(records, separator, len(header))[0]
    units: dict[str, str] = {}
    others: dict[str, str] = {}
    thousands = []
    for name in numbers if separator == COMMA else header:
        values = [row[header.index(name)] for row in rows]
        if unit := _unit(values):
            (units if name in numbers else others)[name] = unit
        elif separator == COMMA and any(COMMA in value for value in values):
            thousands.append(name)
    return Look(units, tuple(thousands), others)


def _unit(values: Sequence[str]) -> str:
    """Return the unit that most of the values have, empty where they have none."""
    known = [text for value in values if not is_missing(text := value.strip())]
    found = Counter(dressed[1] for text in known if (dressed := unit_of(text)))
    if not found or found.total() <= _MOSTLY * len(known):
        return ""
    return found.most_common(1)[0][0]


def bare(text: str, unit: str) -> str:
    """Return a number without its unit; one that has none, or another, stays as it is."""
    found = unit_of(text.strip())
    return found[0] if found and found[1] == unit else text


def settled(
    blocks: Iterable[Records],
    header: Sequence[str],
    separator: str,
    look: Look,
    looked: Sequence[str],
    needed: Sequence[str],
    path: Path,
    place: Place,
) -> Settled:
    """Return the decimal mark of each column in `needed`, with a unit, or with thousands in quotes.

    needed: columns that may have either mark, and are settled together, by what all that are
    `looked` at say. The mark of the file is that of these columns, or of all others where they say
    nothing. Raises `DataError` as `Marks.settle` does.
    """
    together, dressed = Marks(parted_by_commas=False), Marks(parted_by_commas=False)
    alone = Marks(parted_by_commas=True)
    others = [name for name in looked if name not in look.units]
    aside = Marks(parted_by_commas=False)
    for records in blocks:
        rows, lines = whole(records, separator, len(header))
        columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
        for name, unit in look.units.items() if rows else ():
            dressed.look(name, [bare(value, unit) for value in columns[name]], lines)
        for name in others if rows else ():
            together.look(name, columns[name], lines)
        for name, unit in look.others.items() if rows else ():
            aside.look(name, [bare(value, unit) for value in columns[name]], lines)
        for name in look.thousands if rows else ():
            alone.look(name, columns[name], lines)
    asked = [name for name in needed if name not in look.units]
    found = together.settle(asked, path, place) if asked else {}
    found |= dressed.settle(list(look.units), path, place)
    own = {m for name in asked for m in together.known(name)}
    own |= {m for name in look.units for m in dressed.known(name)}
    rest = {m for name in others for m in together.known(name)}
    rest |= {m for name in look.others for m in aside.known(name)}
    mark = COMMA if COMMA in own or (not own and rest == {COMMA}) else DOT
    found |= {name: DOT for name in look.thousands if alone.known(name) == {DOT}}
    return Settled(found, mark)


def whole(records: Records, separator: str, width: int) -> tuple[list[list[str]], list[int]]:
    """Return the records that have as many values as the header, and their lines."""
    rows = [records.of(place, separator) for place in range(len(records))]
    kept = [place for place, row in enumerate(rows) if len(row) == width]
    return [rows[place] for place in kept], [records.lines[place] for place in kept]
