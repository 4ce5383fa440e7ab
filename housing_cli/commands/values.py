"""What the words of the command line mean: text, whole numbers, numbers, paths, lists.

Typer would build a pydantic adapter for every option, and importing pydantic alone takes three
times as long as `housing registry ls` may. The types that the verbs use need none of it. Typer has
no public way to say so: what is replaced here is bound by the version of Typer in pyproject.toml.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from typer.core import TyperArgument, TyperOption

KINDS = frozenset({str, int, float, bool, Path})
_TYPERS_OWN = TyperOption.get_runtime_param


class Value:
    """How one parameter reads its words; `kind` is one of `KINDS`."""

    def __init__(self, kind: type, low: float | None, high: float | None) -> None:
        self._kind, self._low, self._high = kind, low, high

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return `value` as what the parameter holds. Raises `typer.BadParameter`."""
        try:
            if isinstance(value, list | tuple):
                return [self._one(one) for one in value]
            return None if value is None else self._one(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None

    def _one(self, value: Any) -> Any:
        if self._kind is int:
            return self._within(_whole_number(str(value)))
        if self._kind is float:
            return self._within(_number(str(value)))
        return self._kind(value)  # a flag is a `bool` already: no verb reads one from a word

    def _within(self, number: float) -> float:
        if self._low is not None and number < self._low:
            raise ValueError(f"`{number}` is below {self._low}")
        if self._high is not None and number > self._high:
            raise ValueError(f"`{number}` is above {self._high}")
        return number


def install() -> None:
    """Make every option and argument of Typer read its words by a `Value`, where one can."""
    for parameter in (TyperOption, TyperArgument):
        parameter.get_runtime_param = _reader  # type: ignore[assignment]


def _reader(param: Any) -> Any:
    kind = kind_of(param)
    if kind is None:
        return _TYPERS_OWN(param)
    info = param.type_descriptor.parameter_info
    return Value(kind, info.min, info.max)


def kind_of(param: Any) -> type | None:
    """Return what a parameter holds, or each of its items; `None`: it needs Typer's own way."""
    annotation = param.type_descriptor.annotation
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
    return annotation if annotation in KINDS else None


def _whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"`{text}` is not a whole number") from None


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"`{text}` is not a finite number")
    return number
