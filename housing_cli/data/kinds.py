"""What a feature is when it is no number: a category, a yes or no, a date; and its codes.

Model, log and every comparison of rows see one matrix of float32, people see words. A word becomes
a code where it enters, by the vocabulary of the version that reads it. The code of a word is made
of its letters alone (24 bits, which float32 holds exactly): every version, table and log agrees on
it without asking, and a word that no version has seen keeps a code of its own, by which it is
learned once its houses have prices. Where two words of a vocabulary share their 24 bits, the later
one takes the next code, and the schema says so.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Final, Literal, get_args

import msgspec

KindName = Literal["number", "category", "boolean", "date"]
NAMES: Final = get_args(KindName)
Encoding = Literal["one-hot", "target"]

CODES: Final = 1 << 24
"""Whole numbers below are exact in float32."""
# What the tables of the world write for "no value"; compared without case.
MISSING: Final = frozenset(
    {"", "na", "n/a", "nan", "-nan", "null", "none", "?", "-", ".", "<na>", "#n/a", "#na", "n.a."}
)
YES: Final = frozenset({"yes", "y", "true", "t", "1", "1.0", "sí", "si", "verdadero", "oui", "ja"})
NO: Final = frozenset({"no", "n", "false", "f", "0", "0.0", "falso", "non", "nein"})
EPOCH: Final = date(1970, 1, 1).toordinal()
_WHOLE: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))\.0+")


class Category(msgspec.Struct, frozen=True, tag_field="kind", tag="category"):
    """A word out of a vocabulary; `codes` tells the code of each word that was there at training.

    encoding: how the model reads it, a column for each word or the target's mean; `None`: chosen by
    how many words there are.
    """

    codes: dict[str, int] = {}
    encoding: Encoding | None = None


class Boolean(msgspec.Struct, frozen=True, tag_field="kind", tag="boolean"):
    """Yes (1) or no (0)."""


class Date(msgspec.Struct, frozen=True, tag_field="kind", tag="date"):
    """A day, counted from 1970; `reference` is the day that ages are counted back from."""

    reference: str = ""


Kind = Category | Boolean | Date
Value = str | int | float | None


def name_of(kind: Kind | str | None) -> str:
    """Return the kind's name as the settings have it."""
    if kind is None or isinstance(kind, str):
        return kind or "number"
    return kind.__struct_config__.tag  # type: ignore[return-value]


def normal(word: str) -> str:
    """Return the word as vocabularies have it: one Unicode form, without blanks around it."""
    return unicodedata.normalize("NFC", word).strip()


def is_missing(word: str) -> bool:
    """Return whether a text stands for no value."""
    return word.strip().lower() in MISSING


def vocabulary(words: Iterable[str], known: Mapping[str, int] | None = None) -> dict[str, int]:
    """Return the code of every normal word, those of `known` as they are, in order of the words."""
    codes = dict(known or {})
    taken = set(codes.values())
    for word in sorted(set(words) - codes.keys()):
        codes[word] = _free(word, taken)
        taken.add(codes[word])
    return dict(sorted(codes.items()))


def _free(word: str, taken: set[int]) -> int:
    code = zlib.crc32(word.encode("utf-8", "surrogatepass")) % CODES
    while code in taken:
        code = (code + 1) % CODES
    return code


def coder(
    kind: Kind, unknown: Callable[[str], None] | None = None
) -> Callable[[Value], float | None]:
    """Return what makes the code of a value, `None` for a missing one.

    unknown: is told of words that the vocabulary lacks. What the function cannot read (no text and
    no number, a day that no calendar has) is a ValueError, whose message is for people.
    """
    if isinstance(kind, Category):
        return _Words(kind, unknown)
    return _yes_or_no if isinstance(kind, Boolean) else _days


class _Words:
    """Looks words up as they are written, then as they are meant."""

    def __init__(self, kind: Category, unknown: Callable[[str], None] | None) -> None:
        self._codes = {word: float(code) for word, code in kind.codes.items()}
        self._taken = set(kind.codes.values())
        self._unknown = unknown

    def __call__(self, value: Value) -> float | None:
        known = self._codes.get(value)  # type: ignore[arg-type]
        if known is not None or value is None:
            return known
        word = word_of(value)
        if is_missing(word):
            return None
        known = self._codes.get(word)
        if known is None:
            if self._unknown is not None:
                self._unknown(word)
            return float(_free(word, self._taken))
        return known


def word_of(value: str | float) -> str:
    """Return the word of a value: a number that is whole is written without a decimal point.

    As text, too: pandas writes `98064.0` where another row of the column has no value.
    """
    if isinstance(value, str):
        word = normal(value)
        whole = _WHOLE.fullmatch(word)
        return word if whole is None else whole[1]
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _yes_or_no(value: Value) -> float | None:
    word = "" if value is None else str(value).strip().lower()
    if word in YES:
        return 1.0
    if word in NO:
        return 0.0
    if word in MISSING:
        return None
    raise ValueError("neither yes nor no: write `true` or `false`")


def _days(value: Value) -> float | None:
    text = "" if value is None else str(value).strip()
    if text.lower() in MISSING:
        return None
    found = day_of(text)
    if found is None:
        raise ValueError("not a day: write it as 2026-11-28")
    return float(found)


def day_of(text: str) -> int | None:
    """Return the days since 1970 of a date in ISO 8601, whose time of day counts for nothing."""
    try:
        return datetime.fromisoformat(text).toordinal() - EPOCH
    except ValueError:
        return None


def shown(kind: Kind | None, value: float) -> str:
    """Return what people read for one number of the matrix, NaN for a missing value."""
    if value != value:  # noqa: PLR0124 - NaN
        return "missing"
    if isinstance(kind, Category):
        words = {code: word for word, code in kind.codes.items()}
        return words.get(int(value), f"unknown ({int(value)})")
    if isinstance(kind, Boolean):
        return "yes" if value else "no"
    if isinstance(kind, Date):
        return date.fromordinal(int(value) + EPOCH).isoformat()
    return f"{value:g}"


def plain(kind: Kind | None, value: float | None) -> Value:
    """Return what a request says for one number of the matrix, `None` for a missing value."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    if isinstance(kind, Boolean):
        return bool(value)
    return value if kind is None else shown(kind, value)
