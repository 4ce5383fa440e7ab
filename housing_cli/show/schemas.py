"""The JSON Schemas of what `--json` prints, a file a verb, and single fields picked by a path.

The files are of `JSON_FORMAT`. What they say of `data` holds for a verb that did its work: after a
failure it is the evidence for that, or empty. Every key is in them, which the tests check with all
that they print; a schema allows further keys, for later versions add some.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from housing_cli.errors import UsageError

_ABSENT = object()


@cache
def schema_of(command: str) -> dict[str, Any]:
    """Return the schema of a verb's envelope (JSON Schema 2020-12).

    command: such as `registry ls`. Raises `UsageError` for a verb that prints no JSON.
    """
    from importlib import resources  # 10 ms that no verb needs otherwise

    folder = resources.files("housing_cli.show") / "json_schemas"
    file = folder / f"{command.replace(' ', '-')}.json"
    if not command or not file.is_file():
        raise UsageError(
            f"there is no JSON Schema of `{command or 'no verb'}`",
            "name a verb that has `--json`, for example `housing evaluate --json-schema`",
        )
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def check_field(command: str, path: str) -> None:
    """Raise `UsageError` where `--json=path` can never be a field of what a verb prints.

    It is asked before the verb does anything. path: keys and places of lists, joined by dots.
    """
    schema: Any = schema_of(command)
    found = schema["then"]["properties"]["data"]  # of a verb that did its work
    schema = {**schema, "properties": {**schema["properties"], "data": found}}
    known = ""
    for step in path.split("."):
        inner = _step(schema, step)
        if inner is None:
            from difflib import get_close_matches

            names = list(schema.get("properties", ()))
            close = get_close_matches(step, names, n=1)
            said = f"did you mean `{known}{close[0]}`? " if close else ""
            listed = f"there are {', '.join(names)}" if names and not close else ""
            raise UsageError(
                f"`--json={path}`: `{known}{step}` is no field of `housing {command}`",
                said + (listed or f"see `housing {command} --json-schema`"),
            )
        schema, known = inner, f"{known}{step}."


def _step(schema: Mapping[str, Any], step: str) -> Any:
    """Return the schema of what lies behind one step; `None` where nothing can."""
    if step in schema.get("properties", {}):
        return schema["properties"][step]
    if step.isdecimal() and "items" in schema:
        return schema["items"]
    types = schema.get("type")
    if "properties" not in schema and (types is None or "object" in types):
        # A map, or an object that is described nowhere: any key may be in it.
        inner = schema.get("additionalProperties", {})
        return inner if isinstance(inner, Mapping) else {}
    return None


def picked(envelope: Mapping[str, Any], path: str) -> str:
    """Return one field as text: words as they are, all else as JSON, `null` where it is absent."""
    found: Any = envelope
    for step in path.split("."):
        if isinstance(found, Mapping):
            found = found.get(step, _ABSENT)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            found = _ABSENT
    if isinstance(found, str):
        return found
    return json.dumps(None if found is _ABSENT else found)
