"""Holds what the verbs print against the JSON Schemas that are shipped, without room for more."""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from housing_cli.errors import UsageError
from housing_cli.show.schemas import schema_of


def strict(schema: Any) -> Any:
    """Return the schema without leave for keys that it does not name.

    Users get one that allows them, since later versions add some; here each must be described.
    """
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    if isinstance(made.get("properties"), dict) and "type" in made:
        made.setdefault("additionalProperties", False)
    return made


@cache
def _validator(command: str) -> Draft202012Validator | None:
    try:
        schema = schema_of(command)
    except UsageError:
        return None  # no verb, or one without `--json`
    return Draft202012Validator(strict(schema))


def check(envelope: dict[str, Any]) -> None:
    """Assert that an object which a verb printed is as its schema says."""
    validator = _validator(envelope["command"])
    if validator is None:
        assert envelope["errors"], f"`{envelope['command']}` has no JSON Schema"
        return
    found = [f"{one.json_path}: {one.message}" for one in validator.iter_errors(envelope)]
    assert not found, "; ".join(found)
