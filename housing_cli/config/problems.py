"""What is wrong with a setting, said so that its reader can mend it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from housing_cli.config.settings import SECTIONS, hints
from housing_cli.data.kinds import NAMES
from housing_cli.errors import ConfigError, UsageError

ErrorType = type[ConfigError] | type[UsageError]

_CORRECT = "correct it or leave it out; then `housing status --settings` shows every setting"

# What a message must not repeat.
_SECRET = frozenset({"api.keys", "log.url", "registry.signing_key"})

_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "`true` or `false`",
    str: "text",
    tuple: "a list of names",
    dict: "a table",
}


def blame(
    error: msgspec.ValidationError,
    merged: dict[str, Any],
    source: str,
    error_type: ErrorType,
) -> ConfigError | UsageError:
    """Return the error that names the setting, what it is and what it may be."""
    problem, _, place = str(error).partition(" - at `$")
    section, _, rest = place.rstrip("`").removeprefix(".").partition(".")
    key = re.split(r"[.\[]", rest)[0]
    if section not in SECTIONS or key not in SECTIONS[section].__struct_fields__:
        # The check of a whole section says in its own words what is wrong.
        return error_type(f"{source}: {problem}", _CORRECT)
    value = merged[section][key]
    if key == "units" and isinstance(value, dict):  # of many the one that is meant
        value = {name: unit for name, unit in value.items() if not isinstance(unit, str)}
    found = "" if f"{section}.{key}" in _SECRET else f"is `{_as_toml(value)}` but "
    default = getattr(SECTIONS[section](), key)
    unsaid = default is None or key == "units"  # those of the shipped table are no help here
    kept = "it may be left out" if unsaid else f"the default is `{_as_toml(default)}`"
    return error_type(
        f"{source}: `{section}.{key}` {found}must be {_expected(hints(section)[key])}", kept
    )


def _expected(hint: Any) -> str:
    """Say in words what a setting of type `hint` may be."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return " or ".join(_expected(part) for part in arguments if part is not type(None))
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin is Annotated:
        meta = arguments[1]
        parts = [_expected(arguments[0])]
        if meta.min_length is not None:
            parts.append("that is not empty")
        for word, bound in (("above", meta.gt), ("of at least", meta.ge)):
            parts += [f"{word} {bound}"] if bound is not None else []
        for word, bound in (("below", meta.lt), ("at most", meta.le)):
            parts += [f"and {word} {bound}"] if bound is not None else []
        return " ".join(parts)
    if origin is dict and arguments[1] is not Any:
        return _table_of(arguments[1])
    return _WORDS[origin or hint]


def _table_of(hint: Any) -> str:
    if hint is str:
        return 'a table of `NAME = "UNIT"`'
    if get_origin(hint) is tuple:
        return "a table of `NAME = [LOWEST, HIGHEST]`"
    return f"a table of `NAME = KIND`, a kind being {', '.join(NAMES[:-1])} or {NAMES[-1]}"


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_as_toml(item)}' for name, item in value.items())}}}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def check_keys(layer: dict[str, Any], source: str, error_type: ErrorType) -> None:
    """Refuse sections and keys that no setting has; propose the one that was meant."""
    for section, values in layer.items():
        if section not in SECTIONS:
            raise error_type(
                f"{source}: unknown section `{section}`",
                suggest(section, SECTIONS) or f"the sections are {', '.join(SECTIONS)}",
            )
        if not isinstance(values, dict):
            raise error_type(
                f"{source}: `{section}` is a section, not a value",
                f"write its keys under `[{section}]`",
            )
        known = SECTIONS[section].__struct_fields__
        for key in values:
            if key not in known:
                raise error_type(
                    f"{source}: unknown key `{section}.{key}`",
                    suggest(key, known) or f"the keys of `{section}` are {', '.join(known)}",
                )


def check_finite(
    value: object,
    source: str,
    error_type: ErrorType,
    path: tuple[str, ...] = (),
) -> None:
    """Refuse NaN and infinities, which pass every check of a range that is open to one side."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_finite(item, source, error_type, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for item in value:
            check_finite(item, source, error_type, path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise error_type(
            f"{source}: `{'.'.join(path)}` is `{value}`, not a finite number",
            "give a finite number, or leave the setting out",
        )


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean ...?`, or nothing where no known word is close."""
    from difflib import get_close_matches

    matches = get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"did you mean `{matches[0]}`?" if matches else ""
