"""What is said of versions, aliases and their history."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from housing_cli.data.kinds import Category, Date
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import ExitCode
from housing_cli.loop.verify import Verified
from housing_cli.registry import ModelRegistry
from housing_cli.registry.keys import write_new_key
from housing_cli.registry.resign import Resigned
from housing_cli.show import registry as show
from housing_cli.show.result import Result, Table
from tests.registry.versions import add, registry_of


@pytest.fixture
def registry(tmp_path: Path) -> ModelRegistry:
    """v1 and v2, tagged `mine`, which is production."""
    made = registry_of(tmp_path / "artifacts", 1)
    add(made, "mine", promote=True)
    return made


def table(result: Result) -> list[dict[str, Any]]:
    """Return the rows of the only table."""
    (part,) = result.show
    assert isinstance(part, Table)
    return [dict(zip(part.columns, row, strict=True)) for row in part.rows]


def test_versions_are_listed_newest_first_with_their_aliases(registry: ModelRegistry) -> None:
    registry.point("canary", registry.get("v2"))
    result = show.listed(registry)
    rows = table(result)
    assert [(row["version"], row["aliases"], row["tag"]) for row in rows] == [
        ("v2", "canary, production", "mine"),
        ("v1", "previous", None),
    ]
    assert {"created", "parent", "rows", "RMSE", "MAE", "R2"} < set(rows[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", rows[0]["created"])
    assert result.data["aliases"] == registry.aliases()
    assert result.data["versions"][0]["aliases"] == ["canary", "production"]
    assert (result.exit_code, result.notes) == (ExitCode.OK, ())


def test_an_empty_registry_says_what_comes_next(tmp_path: Path) -> None:
    result = show.listed(ModelRegistry(tmp_path / "none"))
    assert (result.show, result.notes) == ((), ["no versions yet", "next: housing train"])
    assert show.told([]).notes == ["nothing happened yet", "next: housing train"]


def test_a_version_that_cannot_be_read_hides_no_other(registry: ModelRegistry) -> None:
    (registry.directory("v1") / "metadata.json").unlink()
    result = show.listed(registry)
    assert [row["version"] for row in table(result)] == ["v2"]
    assert (result.status, result.exit_code) == ("error", ExitCode.FAILURE)
    assert [error["message"] for error in result.errors] == ["`metadata.json` of v1 is missing"]
    (registry.directory("v2") / "metadata.json").unlink()
    assert (show.listed(registry).show, show.listed(registry).notes) == ((), ())


def test_one_version_is_described_to_the_last_key(registry: ModelRegistry) -> None:
    result = show.described(registry.get("v2"), registry.aliases())
    assert result.data["aliases"] == ["production"]
    assert (result.data["golden_rows"], "golden" in result.data) == (0, False)
    assert result.data["data"]["rows"] == 10
    facts = {row["key"]: row["value"] for row in table(result)}
    assert (facts["version"], facts["tag"], facts["data.path"]) == ("v2", "mine", "t.csv")
    assert facts["schema.features"] == "a"
    assert "files.model.onnx" in facts


def test_a_difference_names_the_keys_that_differ(registry: ModelRegistry) -> None:
    first, second = registry.get("v1"), registry.get("v2")
    (same,) = show.difference(first, first).show
    assert same == "v1 and v1 are the same in all that is recorded"
    assert table(show.difference(first, second)) == [{"key": "tag", "v1": None, "v2": "mine"}]
    other = msgspec.structs.replace(
        second,
        metadata=msgspec.structs.replace(
            second.metadata, parameters={"alpha": 2.0}, parent="v1", tag=None
        ),
    )
    result = show.difference(first, other)
    assert result.data["changed"] == {
        "parameters.alpha": {"a": None, "b": 2.0},
        "parent": {"a": None, "b": "v1"},
    }


def test_history_is_told_newest_first(registry: ModelRegistry) -> None:
    result = show.told(registry.history())
    assert [(row["event"], row["from"], row["to"]) for row in table(result)] == [
        ("promoted", "v1", "v2"),
        ("registered", None, "v2"),
        ("promoted", None, "v1"),
        ("registered", None, "v1"),
    ]
    assert result.data["events"][0]["from"] == "v1"


@pytest.mark.parametrize(
    ("verified", "one", "said"),
    [
        (Verified(["v1"], 0), True, "v1: as recorded"),
        (Verified(["v1"], 1), False, "1 version, 1 event: all as recorded"),
        (Verified(["v1", "v2"], 4), False, "2 versions, 4 events: all as recorded"),
        (Verified([], 0), False, "0 versions, 0 events: all as recorded"),
    ],
)
def test_what_was_proved_is_counted(verified: Verified, one: bool, said: str) -> None:
    result = show.proved(verified, one=one)
    assert list(result.show) == [said]
    assert result.data == {
        "versions": verified.versions,
        "events": verified.events,
        "signed_by": {},
        "signatures_checked": False,
    }


def test_what_went_or_would_go_is_named() -> None:
    assert list(show.removed(["v1", "v2"], dry_run=False).show) == ["removed v1, v2"]
    assert list(show.removed(["v1"], dry_run=True).show) == ["would remove v1"]
    assert list(show.removed([], dry_run=True).show) == ["nothing to remove"]
    assert show.removed(["v1"], dry_run=True).data == {"removed": ["v1"], "dry_run": True}


def test_who_signed_a_version_is_told_where_anybody_did() -> None:
    said = show.proved(Verified(["v1"], 2, {"v1": None}), one=False)
    assert said.show == ["1 version, 2 events: all as recorded"]
    checked = show.proved(Verified(["v1", "v2"], 2, {"v1": "AB", "v2": None}, True), one=False)
    assert checked.show[1:] == ["v1: signed by key AB", "v2: signed by nobody"]
    assert checked.data["signed_by"] == {"v1": "AB", "v2": None}
    claimed = show.proved(Verified(["v1"], 2, {"v1": "AB"}), one=False)
    assert "not checked: `registry.trusted_keys` names no key" in str(claimed.show[1])


def test_what_was_signed_is_told() -> None:
    new = show.signed(Resigned("AB", ["v2"], ["production"], ["v1"]))
    assert new.show == ["signed by key AB: v2, alias production", "signed by it already: v1"]
    assert show.signed(Resigned("AB", [], [], [])).show == ["nothing left to sign"]


def test_a_new_key_tells_its_public_half_alone(tmp_path: Path) -> None:
    file = tmp_path / "k"
    public = write_new_key(file)
    made = show.key_made(file, public)
    assert made.show == [public.line]
    assert file.read_text().splitlines()[1] not in f"{made.data} {made.notes}"


def test_the_most_important_features_are_shown_in_one_line(registry: ModelRegistry) -> None:
    known = registry.get("v2")
    importances = {f"f{k}": 10.0 - k for k in range(8)}
    changed = msgspec.structs.replace(known.metadata, importances=importances)
    version = msgspec.structs.replace(known, metadata=changed)
    result = show.described(version, {})
    facts = {row["key"]: row["value"] for row in table(result)}
    assert facts["importances"] == "f0 10, f1 9, f2 8, f3 7, f4 6"
    assert result.data["importances"] == importances
    (told,) = (row for row in table(show.difference(known, version)) if row["key"] == "importances")
    assert told["v2"] is None or "f0 10" in str(told.values())


def test_many_features_and_their_words_are_told_in_short_and_whole_in_json(
    registry: ModelRegistry,
) -> None:
    version = registry.get("v1")
    names = tuple(f"a long name {number}" for number in range(78))
    kind = Category({f"word {number}": number for number in range(40)}, "target")
    schema = FeatureSchema(names, "price", {}, {names[0]: kind, names[1]: Date("2020-01-01")})
    data = msgspec.structs.replace(version.metadata.data, dropped={"rows without `price`": 2})
    known = msgspec.structs.replace(version.metadata, schema=schema, data=data)
    result = show.described(msgspec.structs.replace(version, metadata=known), {})
    facts = {row["key"]: row["value"] for row in table(result)}
    assert facts["schema.features"] == f"{', '.join(names[:5])}, and 73 more"
    assert facts[f"schema.kinds.{names[0]}"] == "category of 40 words, target"
    assert facts[f"schema.kinds.{names[1]}.reference"] == "2020-01-01"
    assert facts["data.dropped"] == "rows without `price`: 2"
    assert len(result.data["schema"]["features"]) == 78
    assert len(result.data["schema"]["kinds"][names[0]]["codes"]) == 40


def test_units_are_told_on_one_line_and_those_of_many_columns_in_short(
    registry: ModelRegistry,
) -> None:
    def shown(units: dict[str, str]) -> Result:
        schema = FeatureSchema(tuple(f"x{k}" for k in range(30)), "y", {}, {}, units)
        metadata = msgspec.structs.replace(registry.get("v1").metadata, schema=schema)
        return show.described(msgspec.structs.replace(registry.get("v1"), metadata=metadata), {})

    assert not [row for row in table(shown({})) if "units" in str(row["key"])]
    few = shown({"x1": "m²", "y": "EUR"})
    assert {"key": "schema.units", "value": "x1: m²; y: EUR"} in table(few)
    assert few.data["schema"]["units"] == {"x1": "m²", "y": "EUR"}
    many = table(shown({f"x{k}": "%" for k in range(30)}))
    (told,) = (row["value"] for row in many if row["key"] == "schema.units")
    assert told == "x0: %; x1: %; x2: %; x3: %; x4: %; and 25 more"


def test_a_band_of_a_category_is_shown_by_its_word_and_a_moment_as_a_time(
    registry: ModelRegistry,
) -> None:
    known = registry.get("v2")
    band = {"axis": "sea", "low": 8911711.0, "high": 8911712.0, "n": 30, "word": "INLAND"}
    rooms = {"axis": "rooms", "low": 3.0, "high": None, "word": ""}
    evidence = {"band": band, "rooms": rooms, "feedback": {"oldest": 1795860922.6}}
    metadata = msgspec.structs.replace(known.metadata, evidence=evidence)
    version = msgspec.structs.replace(known, metadata=metadata)
    told = show.described(version, {})
    facts = {row["key"]: row["value"] for row in table(told)}
    changes = {row["key"]: row["v2"] for row in table(show.difference(registry.get("v1"), version))}
    for shown in (facts, changes):
        assert shown["evidence.band.word"] == "INLAND"
        assert not {"evidence.band.low", "evidence.band.high"} & shown.keys()
        assert shown["evidence.rooms.low"] == 3.0
        assert re.fullmatch(r"2026-11-\d\d \d\d:\d\d", shown["evidence.feedback.oldest"])
    assert told.data["evidence"] == evidence


def test_words_that_one_version_alone_knows_are_named_without_their_codes(
    registry: ModelRegistry,
) -> None:
    first, second = (
        msgspec.structs.replace(
            known,
            metadata=msgspec.structs.replace(
                known.metadata, schema=FeatureSchema(("sea",), "y", {}, {"sea": Category(codes)})
            ),
        )
        for known, codes in (
            (registry.get("v1"), {"INLAND": 8911711, "BAY": 5}),
            (registry.get("v2"), {"BAY": 5, "HARBOR": 12887502, "ISLAND": 7}),
        )
    )
    result = show.difference(first, second)
    changes = {row["key"]: (row["v1"], row["v2"]) for row in table(result)}
    assert changes["schema.kinds.sea"] == ("also INLAND", "also HARBOR, ISLAND")
    assert "8911711" not in str(changes)
    assert result.data["changed"]["schema.kinds.sea.codes.INLAND"] == {"a": 8911711, "b": None}


def test_the_history_tells_how_many_rows_a_canary_got(registry: ModelRegistry) -> None:
    version = registry.get("v1")
    registry.point("canary", version, why="a try", evidence={"weight": 10.0})
    registry.point("canary", version, why="weight", event="weighted", evidence={"weight": 12.5})
    registry.end("canary", why="no")
    rows = table(show.told(registry.history()))[:3]
    assert [row["why"] for row in rows] == ["no", "12.5% of the rows", "a try; 10% of the rows"]
