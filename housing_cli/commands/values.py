"""What the words of the command line mean: text, whole numbers, numbers, paths, lists.

Typer would build a pydantic adapter for every option, and importing pydantic alone takes three
times as long as `housing registry ls` may. The six types that the verbs use need none of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import typer

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


class Value:
    """How one parameter reads its words; `kind` is `str`, `int`, `float`, `bool` or `Path`."""

    def __init__(self, kind: type, low: float | None, high: float | None) -> None:
        self._kind, self._low, self._high = kind, low, high

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return `value` as what the parameter holds. Raises `typer.BadParameter`."""
        if value is None:
            return None
        try:
            return (
                [self._one(v) for v in value]
                if isinstance(value, list | tuple)
                else self._one(value)
            )
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None

    def _one(self, value: Any) -> Any:
        if self._kind is bool:
            return _boolean(value)
        if self._kind is int:
            return self._within(_whole_number(str(value)))
        if self._kind is float:
            return self._within(_number(str(value)))
        return self._kind(value)

    def _within(self, number: float) -> float:
        if self._low is not None and number < self._low:
            raise ValueError(f"`{number}` is below {self._low}")
        if self._high is not None and number > self._high:
            raise ValueError(f"`{number}` is above {self._high}")
        return number


def install(group: Any) -> None:
    """Make every parameter of `group` and its verbs read its words by a `Value`."""
    for command in _walk(group):
        for param in command.params:
            _read_plainly(param)
        command.get_help_option = _plain_help(command.get_help_option)


def _plain_help(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `make`, which makes a verb's `--help` when it is first parsed, reading plainly."""

    def get_help_option(ctx: Any) -> Any:
        option = make(ctx)
        if option is not None:
            _read_plainly(option)
        return option

    return get_help_option


def _read_plainly(param: Any) -> None:
    described = param.type_descriptor
    kind = _kind(described.annotation)
    if kind is not None:
        param._runtime_param = Value(
            kind, described.parameter_info.min, described.parameter_info.max
        )


def _walk(command: Any) -> Iterator[Any]:
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from _walk(child)


def _kind(annotation: Any) -> type | None:
    if get_origin(annotation) is list:
        (annotation,) = get_args(annotation)
    return annotation if annotation in {str, int, float, bool, Path} else None


def _boolean(value: Any) -> bool:
    word = str(value).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"`{value}` is neither true nor false")
    return word in _TRUE


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
