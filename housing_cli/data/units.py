"""Numbers with something around them: `1.450.000 €`, `US$ 450`, `95 m²`, and `1,234,567` in quotes.

A unit is read where every number of the column has it, and the same one. People and portals write
such a number, so its marks are settled among such columns alone: `450.000 €` is not 450 because the
latitude beside it has a decimal point.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from housing_cli.data.checks import Place
from housing_cli.data.kinds import is_missing
from housing_cli.data.marks import COMMA, DOT, pointed, readings, with_points
from housing_cli.errors import DataError

_CURRENCIES = {
    "eur": "€", "euro": "€", "euros": "€", "usd": "US$", "gbp": "£", "chf": "CHF", "pln": "PLN",
    "sek": "SEK", "nok": "NOK", "dkk": "DKK", "czk": "CZK", "mxn": "MXN", "brl": "BRL",
    "cad": "CAD", "aud": "AUD", "jpy": "¥", "inr": "₹",
}  # fmt: skip
_AREAS = {
    **dict.fromkeys(("m²", "m2", "m^2", "sqm", "qm", "mq", "mts2", "metros cuadrados"), "m²"),
    **dict.fromkeys(("ft²", "ft2", "sqft", "sf", "squarefeet"), "ft²"),
    **dict.fromkeys(("ha", "acres", "km"), ""),
}
_NUMBER = r"[+-]?[\d.,]*\d[\d.,]*"
_BEFORE = re.compile(rf"(?P<unit>[^\d.,+-][^\d,+-]*?)\s*(?P<number>{_NUMBER})", re.ASCII)
_AFTER = re.compile(rf"(?P<number>{_NUMBER})\s*(?P<unit>[^\d.,\s].*)", re.ASCII | re.DOTALL)
_DRESSED_SHARE = 0.5
"""A column of which fewer values are numbers with a unit is one of words."""


def without_units(
    columns: Mapping[str, Sequence[str]],
    needed: Sequence[str],
    path: Path,
    place: Place,
    *,
    parted_by_commas: bool,
) -> tuple[dict[str, Sequence[str]], dict[str, str]]:
    """Return those of the `needed` columns that are read here, as Python writes numbers, and units.

    Raises `DataError` where a column has two units, or numbers that can be read in two ways.
    """
    bare: dict[str, Sequence[str]] = {}
    units: dict[str, str] = {}
    for name in needed:
        if (found := _bare(columns[name], name, path, place)) is not None:
            bare[name], units[name] = found
    read = dict(with_points(bare, list(bare), path, place, parted_by_commas=False))
    if parted_by_commas:
        for name in needed:
            if name not in read and (numbers := _quoted(columns[name])) is not None:
                read[name] = numbers
    return read, units


def _bare(
    values: Sequence[str], name: str, path: Path, place: Place
) -> tuple[list[str], str] | None:
    """Return a column's numbers without the unit that all have, and the unit; `None`: it has none.

    What is no number stays as it is, as long as it has no digits: `on request`.
    """
    bare, rows = list(values), 0
    units: dict[str, int] = {}
    for row, value in enumerate(values):
        text = value.strip()
        # Most columns are numbers, and told by their first value.
        if not text or is_missing(text):
            continue
        rows += 1
        number, unit = unit_of(text) or ("", "")
        if unit:
            bare[row] = number
            units.setdefault(unit, row)
        elif readings(text):
            return None
    known = sum(one is not other for one, other in zip(bare, values, strict=True))
    if not units or known <= _DRESSED_SHARE * rows:
        return None
    if len(units) > 1:
        (usual, before), (other, row) = sorted(units.items(), key=lambda found: found[1])[:2]
        raise DataError(
            f"`{path}`, {place(row)}: `{name}` is `{values[row].strip()}`, in {other}, but "
            f"`{values[before].strip()}` on {place(before)}, in {usual}",
            "write every number of the column in one unit",
            {"column": name},
        )
    return bare, next(iter(units))


def unit_of(text: str) -> tuple[str, str] | None:
    """Return number and unit of `95 m²`, the unit as it is usually written; `None` for neither."""
    for pattern in (_AFTER, _BEFORE):
        found = pattern.fullmatch(text)
        if found and (unit := _known(found["unit"])):
            return found["number"], unit
    return None


def _known(text: str) -> str:
    """Return a unit as it is usually written, empty where it is none."""
    word = "".join(text.casefold().split()).strip(".").replace("sq.", "sq")
    currency, slash, area = word.partition("/")
    if slash:
        price, per = _known(currency), _known(area)
        return f"{price}/{per}" if price and per and price not in _AREAS.values() else ""
    if word in _CURRENCIES:
        return _CURRENCIES[word]
    if word in _AREAS:
        return _AREAS[word] or word
    sign = word.removeprefix("us").removeprefix("a").removeprefix("c")
    if len(sign) == 1 and unicodedata.category(sign) == "Sc":
        return word.upper()
    return ""


def _quoted(values: Sequence[str]) -> list[str] | None:
    """Return the numbers of a column where commas part the columns, and thousands in quotes.

    `None` where there are none, or their own values do not settle that commas are no decimal marks.
    """
    if not any(COMMA in value for value in values):
        return None
    settled = {next(iter(read)) for value in values if len(read := readings(value.strip())) == 1}
    if settled != {DOT}:
        return None
    return [pointed(value, DOT) for value in values]
