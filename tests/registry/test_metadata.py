"""The records in the registry's JSON files, and what is read of older ones."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from housing_cli.registry.metadata import Event, Metadata, Version
from tests.registry.versions import metadata


def test_metadata_are_written_and_read_again() -> None:
    written = msgspec.structs.replace(
        metadata("mine"), files={"model.onnx": "0" * 64}, parent="v1", evidence={"n": [1, None]}
    )
    assert msgspec.json.decode(msgspec.json.encode(written), type=Metadata) == written


def test_keys_of_a_later_program_are_passed_over_and_absent_ones_have_defaults() -> None:
    fields = msgspec.to_builtins(metadata())
    for name in ("files", "tag", "parent", "evidence", "format"):
        del fields[name]
    read = msgspec.convert({**fields, "colour": "blue"}, Metadata)
    assert read == metadata()
    assert (read.files, read.tag, read.parent, read.evidence, read.format) == (
        {},
        None,
        None,
        {},
        1,
    )


@pytest.mark.parametrize("name", ["schema", "metrics", "data", "golden", "seed"])
def test_metadata_without_what_every_version_has_are_none(name: str) -> None:
    fields = msgspec.to_builtins(metadata())
    del fields[name]
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert(fields, Metadata)


def test_an_event_calls_where_it_comes_from_as_the_contract_does() -> None:
    event = Event(when="w", who="a@b", event="promoted", from_="v1", to="v2", alias="production")
    raw = msgspec.json.encode(event)
    assert raw.startswith(b'{"when":"w","who":"a@b","event":"promoted","from":"v1","to":"v2"')
    assert msgspec.json.decode(raw)["prev"] == "0" * 64
    assert msgspec.json.decode(raw, type=Event) == event


def test_a_version_knows_its_number() -> None:
    assert Version("v12", Path("versions/v12"), metadata()).number == 12
