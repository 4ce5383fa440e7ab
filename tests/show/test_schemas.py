"""JSON Schemas of the verbs: complete, sound, and single fields picked by a path."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from housing_cli.cli import app
from housing_cli.errors import UsageError
from housing_cli.show.result import JSON_FORMAT
from housing_cli.show.schemas import check_field, picked, schema_of
from tests.commands.test_meta import verbs
from tests.conftest import Housing

WITH_JSON = [
    verb
    for verb, command in verbs(get_command(app))
    if any("--json" in param.opts for param in command.params)
]


@pytest.mark.parametrize("verb", WITH_JSON)
def test_each_verb_has_a_sound_schema_and_prints_it(verb: str, housing: Housing) -> None:
    schema = schema_of(verb)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:housing:json:{JSON_FORMAT}:{verb.replace(' ', '-')}"
    assert schema["properties"]["command"]["const"] == verb
    assert "json_format" in schema["then"]["properties"]["data"]["required"]
    codes = schema["properties"]["exit_code"]["enum"]
    assert (2 in codes) == (verb == "evaluate")
    ran = housing(*verb.split(), "--json-schema")
    assert (ran.code, json.loads(ran.stdout)) == (0, schema)


def test_a_verb_without_json_has_none(housing: Housing) -> None:
    for words in (["serve"], [], ["registry"]):
        ran = housing(*words, "--json-schema")
        assert ran.code == 64
        assert "there is no JSON Schema" in ran.stderr


def test_one_field_is_printed_alone(housing: Housing, artifacts: Path) -> None:
    assert artifacts.exists()
    assert housing("registry", "show", "v1", "--json=data.tag").stdout == "first\n"
    assert housing("registry", "show", "v1", "--json=data.seed").stdout == "1\n"
    assert housing("registry", "ls", "--json=data.versions.0.aliases").stdout == "[]\n"
    assert housing("registry", "ls", "--json=data.aliases.production").stdout == "v1\n"
    assert housing("registry", "ls", "--json=data.aliases.shadow").stdout == "null\n"
    ran = housing("evaluate", "--json=data.ratio")
    assert (ran.code, ran.stdout) == (0, "null\n")
    ran = housing("registry", "show", "v9", "--json=data.tag")
    assert (ran.code, ran.stdout) == (1, "null\n")
    assert "error: version `v9`" in ran.stderr


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("data.ration", "did you mean `data.ratio`?"),
        ("dat.ratio", "did you mean `data`?"),
        ("data.interval.low", "see `housing evaluate --json-schema`"),
        ("data.ratio.0", "see `housing evaluate --json-schema`"),
        ("", "there are command, status"),
    ],
)
def test_a_field_that_cannot_be_is_refused_before_anything_is_done(
    housing: Housing, field: str, hint: str
) -> None:
    ran = housing("evaluate", f"--json={field}")
    assert ran.code == 64
    assert ran.stdout == "null\n"
    assert hint in ran.stderr


def test_a_field_of_a_map_may_have_any_name() -> None:
    check_field("train", "data.kinds.Lot Area")
    check_field("evaluate", "errors.0.hint")
    with pytest.raises(UsageError, match=r"`data.kinds.RM.x` is no field"):
        check_field("train", "data.kinds.RM.x")


def test_words_are_bare_and_all_else_is_json() -> None:
    found = {"a": {"b": [1.5, "two", None, {"c": True}]}}
    assert picked(found, "a.b.1") == "two"
    assert picked(found, "a.b.0") == "1.5"
    assert picked(found, "a.b.3") == '{"c": true}'
    assert picked(found, "a.b.9") == picked(found, "a.x.y") == picked(found, "a.b.2") == "null"
