"""What `housing promote --route` says of a cluster's route, and the route itself as YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from housing_cli.errors import RouteError
from housing_cli.registry.names import CANARY
from housing_cli.show.result import Result

if TYPE_CHECKING:
    from housing_cli.registry.trials import Trial

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./-]*")
_WORDS = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}
"""What YAML takes for something else than a string."""


def standing(trial: Trial | None) -> Result:
    """Return what a route should follow, where nothing moved."""
    name = trial.version if trial else None
    return Result(
        "promote",
        {
            "version": name,
            "alias": CANARY,
            "from": name,
            "to": name,
            "changed": False,
            "weight": trial.weight if trial else None,
            "ended": [],
            "evidence": {},
        },
        show=[f"{CANARY} is {name}, {trial.weight:g}% of the rows" if trial else "no canary"],
    )


def routed(
    result: Result, manifest: Mapping[str, Any], weights: tuple[int, int], *, applied: bool
) -> Result:
    """Return a result with its route: the YAML on stdout and all else beside it, or, where a
    cluster was told, one more line.
    """
    name = manifest["metadata"]["name"]
    route = {
        "name": name,
        "production": weights[0],
        "canary": weights[1],
        "applied": applied,
        "manifest": manifest,
    }
    data = {**result.data, "route": route}
    if applied:
        share = f"{100 * weights[1] / sum(weights):g}%"
        told = f"route `{name}` gives the canary {share} of the requests"
        return msgspec.structs.replace(result, data=data, show=[*result.show, told])
    said = [text for text in result.show if isinstance(text, str)]
    notes = [*said, *result.notes]
    return msgspec.structs.replace(result, data=data, show=[yaml_of(manifest)], notes=notes)


def untold(result: Result, error: RouteError, carried: str = "") -> RouteError:
    """Return what is said where the registry has moved and its route has not.

    carried: options that the next command needs as well.
    """
    done = "; ".join(text for text in result.show if isinstance(text, str))
    again = f"`housing promote --route apply{carried}` tells it again"
    hint = "; ".join(part for part in (error.hint, again) if part)
    return RouteError(f"{done}, but not the route: {error.message}", hint, result.data)


def yaml_of(value: Mapping[str, Any]) -> str:
    """Return an object as YAML, which ends without a line break."""
    return "\n".join(_lines(value))


def _lines(value: Any) -> Iterator[str]:
    """Yield the lines of an object or a list that is not empty."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if _is_block(item):
                yield f"{key}:"
                yield from (f"  {line}" for line in _lines(item))
            else:
                yield f"{key}: {_scalar(item)}"
        return
    for item in value:
        lines = _lines(item) if _is_block(item) else iter([_scalar(item)])
        yield f"- {next(lines)}"
        yield from (f"  {line}" for line in lines)


def _is_block(value: Any) -> bool:
    return bool(value) and isinstance(value, Mapping | Sequence) and not isinstance(value, str)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)
