"""What columns are likely for by their names: the target, a number of the house, a code, a day."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_TARGETS = (
    r"^(sale|sold|selling|house|transaction)?_?(price|preis|precio|prix|prezzo|preco|prijs)$",
    r"^medv$|^med(ian)?_?house_?val(ue)?$",
    r"price|preis|precio|prix|prezzo|preco|prijs|kaufpreis",
    r"^(target|label|y)$|value|valor|wert|valeur|worth|rent$|miete|alquiler",
)
"""Patterns of names of prices, the surest first."""
_NOT_TARGET = re.compile(r"/|_per_|per_?sq|m2|m²|sq_?ft|sqm|_by_|date|year|currency|tax|id$")
_IDS = re.compile(
    r"(^|_)(id|ids|pid|uuid|guid|key|index|idx|order|no|nr|num|number|row|ref|reference|url|link|"
    r"parcel|listing)$|^(id|ref|url)_|^unnamed"
)
_CODES = re.compile(r"zip|postal|post_?code|^plz$|^cp$|sub_?class|(^|_)(code|codigo|kode|fips)$")
_DAYS = re.compile(
    r"sold|sale|^date$|^day$|fecha$|^datum$|clos|list|creat|updat|scrap|contract|publish|venta|"
    r"verkauf|transaction|timestamp"
)
_PRICES = re.compile("|".join((*_TARGETS[:3], "[€$£]", "value|valor|cost|coste|rent")))


def plain(name: str) -> str:
    """Return a name in small letters without accents, its words parted by `_`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", unicodedata.normalize("NFKD", name))
    bare = "".join(c for c in parted if not unicodedata.combining(c)).casefold()
    return re.sub(r"[\s_.-]+", "_", bare).strip("_")


def likely_targets(names: Sequence[str]) -> list[str]:
    """Return the names that are likely prices, the likeliest first."""
    found: list[str] = []
    for pattern in _TARGETS:
        found += [
            name
            for name in names
            if name not in found
            and re.search(pattern, plain(name))
            and not _NOT_TARGET.search(plain(name))
        ]
    return found


def init_command(path: Path, target: str) -> str:
    """Return the command that writes settings for a table."""
    return f"housing init {shlex.quote(str(path))} --target {shlex.quote(target)}"


def names_an_id(name: str) -> bool:
    """Return whether a column of this name numbers the rows, or the houses."""
    return _IDS.search(plain(name)) is not None


def names_a_code(name: str) -> bool:
    """Return whether a number under this name is a word, of which more is not more: a zip code."""
    return _CODES.search(plain(name)) is not None


def names_a_sale(name: str) -> bool:
    """Return whether a day under this name is that of the sale or of the listing."""
    return _DAYS.search(plain(name)) is not None


def names_a_price(name: str) -> bool:
    """Return whether a column of this name is a price itself."""
    return _PRICES.search(plain(name)) is not None
