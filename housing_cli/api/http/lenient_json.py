"""Validation errors as JSON, whatever the request held.

FastAPI echoes the input of a validation error. Some inputs cannot be written as JSON again: NaN
and infinities, lone surrogates, very deep nesting, bytes that are no text. Very long ones should
not be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MAX_DEPTH = 20
MAX_ITEMS = 50
MAX_TEXT = 500
MAX_ERRORS = 100


def echo(errors: Sequence[Any]) -> list[Any]:
    """Return the errors with every value made writable and long ones cut short."""
    return [_value(error, MAX_DEPTH) for error in errors[:MAX_ERRORS]]


def _value(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value
    if isinstance(value, bytes):
        value = value[: MAX_TEXT + 1].decode(errors="replace")
    if isinstance(value, str) or depth == 0:
        return _text(value) if isinstance(value, str) else "..."
    if isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {_text(str(key)): _value(item, depth - 1) for key, item in items}
    if isinstance(value, Sequence):
        return [_value(item, depth - 1) for item in value[:MAX_ITEMS]]
    return _text(str(value))


def _text(text: str) -> str:
    """Return `text` with lone surrogates replaced, cut short."""
    cut = text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "..."
    return cut.encode(errors="replace").decode()
