"""A house that somebody types: the fields that a schema asks for, and what was written there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec

from housing_cli.api.http.bodies import bounds
from housing_cli.data.kinds import Boolean, Category, Date, Value, coder, is_missing, word_of
from housing_cli.model.compiled import HIGHEST

if TYPE_CHECKING:
    from housing_cli.data.schema import FeatureSchema

MOST_BYTES: Final = 256 * 1024
MOST_FIELDS: Final = 5000
MOST_CHOICES: Final = 30
"""More words than these are proposed while one types, not listed."""
Control = Literal["number", "choice", "proposals", "boolean", "date"]


class Field(msgspec.Struct, frozen=True):
    """One field of the form. low, high: limits of a number, as one types them."""

    name: str
    control: Control
    unit: str = ""
    low: str = ""
    high: str = ""
    learned: str = ""
    words: Sequence[str] = ()
    example: str = ""


def fields(
    schema: FeatureSchema,
    example: Mapping[str, Any] | None,
    ranges: Mapping[str, tuple[float, float]],
) -> list[Field]:
    """Return the fields of a schema.

    example: the body of a usual house. ranges: least and highest value that was learned.
    """
    found = []
    for name in schema.features:
        kind, usual = schema.kinds.get(name), _typed((example or {}).get(name))
        words = list(kind.codes) if isinstance(kind, Category) else []
        low, high = bounds(schema, name)
        found.append(
            Field(
                name,
                _control(kind, words),
                schema.units.get(name, ""),
                f"{low:g}" if kind is None and low > -HIGHEST else "",
                f"{high:g}" if kind is None and high < HIGHEST else "",
                "{:g} - {:g}".format(*ranges[name]) if kind is None and name in ranges else "",
                words,
                usual,
            )
        )
    return found


def _control(kind: object, words: Sequence[str]) -> Control:
    if isinstance(kind, Category):
        return "choice" if len(words) <= MOST_CHOICES else "proposals"
    if isinstance(kind, Boolean):
        return "boolean"
    return "date" if isinstance(kind, Date) else "number"


def _typed(value: Any) -> str:
    """Return a value of a request's body as one types it into a field."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse(body: bytes) -> dict[str, str] | None:
    """Return the fields of a form-encoded body, the last of each name; `None` for none."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        return None
    return dict(pairs)


def read_row(
    schema: FeatureSchema, typed: Mapping[str, str], *, refuse: bool = False
) -> tuple[list[Value], dict[str, str]]:
    """Return the values of a house, as requests have them, and what is wrong, by field.

    refuse: words that the vocabulary lacks are wrong. What is wrong is a key of `WRONG`.
    """
    values: list[Value] = []
    wrong: dict[str, str] = {}
    for name in schema.features:
        text = typed.get(name, "").strip()
        value, why = _value(schema, name, text, refuse=refuse)
        values.append(value)
        if why:
            wrong[name] = why
    return values, wrong


def _value(schema: FeatureSchema, name: str, text: str, *, refuse: bool) -> tuple[Value, str]:
    kind = schema.kinds.get(name)
    if is_missing(text):
        return None, ""
    if kind is None:
        return _number(text, *bounds(schema, name))
    try:
        read: Callable[[Value], float | None] = coder(kind)
        read(text)
    except ValueError:
        return None, "date" if isinstance(kind, Date) else "boolean"
    known = not isinstance(kind, Category) or word_of(text) in kind.codes
    return (None, "word") if refuse and not known else (text, "")


def _number(text: str, low: float, high: float) -> tuple[float | None, str]:
    """Return a number, and what is wrong with it."""
    found = number(text)
    if found is None:
        return None, "number"
    return found, "" if low <= found <= high else "limits"


def number(text: str) -> float | None:
    """Return the finite number that a text is; a lone comma is read as the decimal point."""
    try:
        found = float(text.replace(",", ".") if text.count(",") == 1 else text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
