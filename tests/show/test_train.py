"""What is said of a new version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from housing_cli.data.kinds import Category, Kind
from housing_cli.data.schema import FeatureSchema
from housing_cli.loop.train import Trained
from housing_cli.registry import Version
from housing_cli.show.result import Table
from housing_cli.show.train import result_of, units_note
from tests.registry.versions import add, registry_of

TUNING = {
    "params": {"alpha": 2.0}, "trials": 5, "asked": 5, "stopped": False, "untuned": 3.5,
    "score": 3.25,
}  # fmt: skip


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    version = add(registry_of(tmp_path / "artifacts", 0), "mine")
    return Trained(version, True, {}, 1e-7)


def test_production_is_served_next_and_any_other_version_promoted(trained: Trained) -> None:
    result = result_of(trained)
    said, table = result.show
    assert said == "v1 is production now"
    assert isinstance(table, Table)
    assert list(table.columns) == ["version", "tag", "rows", "RMSE", "MAE", "R2"]
    assert [list(row) for row in table.rows] == [["v1", "mine", 10, 1.0, 1.0, 0.9]]
    assert list(result.notes) == ["next: housing serve"]
    registered = result_of(Trained(trained.version, False, {}, 0.0))
    assert registered.show[0] == "v1 is registered"
    assert list(registered.notes) == ["next: housing promote v1"]
    assert registered.data["next"] == "housing promote v1"


def test_what_would_be_refused_is_not_proposed(trained: Trained) -> None:
    refused = result_of(replace(trained, production=False, refused="it is worse"), " --set a.b=c")
    assert list(refused.notes) == [
        "note: `promote` would refuse it without `--force`: it is worse",
        "next: housing registry diff production v1 --set a.b=c",
    ]
    assert refused.data["promotion_refused"] == "it is worse"
    unsigned = result_of(replace(trained, production=False, refused="no key", unsigned=True))
    assert unsigned.data["next"] == "housing registry sign v1 --untrusted"


def test_what_is_no_number_is_said(trained: Trained) -> None:
    metadata = trained.version.metadata
    kinds: dict[str, Kind] = {"a": Category({"x": 1, "y": 2}, "one-hot")}
    schema = msgspec.structs.replace(metadata.schema, kinds=kinds)
    metadata = msgspec.structs.replace(metadata, schema=schema)
    version = msgspec.structs.replace(trained.version, metadata=metadata)
    result = result_of(Trained(version, True, {}, 0.0))
    assert result.notes[0].splitlines()[1:] == ["  a: category of 2 words, a column each"]
    assert result.data["kinds"] == {"a": "category"}


def test_of_many_features_that_are_no_numbers_the_first_are_said(trained: Trained) -> None:
    metadata = trained.version.metadata
    kinds: dict[str, Kind] = {f"w{k}": Category({"x": 1}, "one-hot") for k in range(44)}
    schema = msgspec.structs.replace(metadata.schema, kinds=kinds)
    metadata = msgspec.structs.replace(metadata, schema=schema)
    version = msgspec.structs.replace(trained.version, metadata=metadata)
    (note, *_) = result_of(Trained(version, True, {}, 0.0)).notes
    assert len(note.splitlines()) == 14
    assert note.endswith("  and 32 more, which `--json` has")


def test_other_units_than_those_of_production_are_warned_of(trained: Trained) -> None:
    def in_units(**units: str) -> Version:
        schema = FeatureSchema(tuple(f"x{k}" for k in range(9)), "y", {}, {}, units)
        metadata = msgspec.structs.replace(trained.version.metadata, schema=schema)
        return msgspec.structs.replace(trained.version, name="v2", metadata=metadata)

    before, same = in_units(x1="m²", y="EUR"), in_units(x2="%", y="EUR")
    assert units_note(None, before) == units_note(before, same) == units_note(same, before) == []
    (note,) = units_note(before, in_units(x1="ft²", y="USD"))
    assert " ".join(note.split()) == (
        "warning: other units than those of v2: x1 (`m²`, now `ft²`), y (`EUR`, now `USD`); "
        "nothing is converted: requests and real prices must come in the new units, too"
    )
    assert max(map(len, note.splitlines())) <= 80
    made = replace(trained, before=before, version=in_units(x1="ft²", y="USD"))
    assert note in result_of(made).notes
    many = [in_units(**{f"x{k}": unit for k in range(9)}) for unit in ("m", "ft")]
    (note,) = units_note(*many)
    assert "x4 (`m`, now `ft`), and 4 more" in " ".join(note.split()) and "x5" not in note


def test_what_was_left_out_is_said_before_what_comes_next(trained: Trained) -> None:
    dropped = {"rows without `MEDV`": 2, "columns that are no feature (`note`)": 1}
    result = result_of(Trained(trained.version, True, dropped, 0.0))
    assert list(result.notes) == [
        "note: left out rows without `MEDV`: 2",
        "note: left out columns that are no feature (`note`): 1",
        "next: housing serve",
    ]
    assert result.data["dropped"] == dropped


def test_payload_and_step_outputs_name_the_version(trained: Trained) -> None:
    result = result_of(trained)
    files = trained.version.metadata.files
    assert result.data["model_sha256"] == files["model.onnx"]
    assert (result.data["version"], result.data["tag"]) == ("v1", "mine")
    assert result.data["path"] == str(trained.version.directory)
    assert result.data["tuning"] is None
    assert result.outputs == {
        "version": "v1", "production": True, "candidate": False, "rmse": 1.0, "mae": 1.0, "r2": 0.9,
    }  # fmt: skip


def test_a_search_is_told(trained: Trained) -> None:
    metadata = msgspec.structs.replace(trained.version.metadata, evidence={"tuning": TUNING})
    version = msgspec.structs.replace(trained.version, metadata=metadata)
    result = result_of(Trained(version, True, {}, 0.0))
    assert result.data["tuning"] == TUNING
    assert len(result.notes) > 1
    assert "alpha" in " ".join(result.notes)
