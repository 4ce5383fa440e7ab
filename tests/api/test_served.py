"""A version in memory: verified when it is loaded, and what its answers say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from housing_cli.api.served import Served, load_served, same_columns, same_meaning
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import VersionCorrupt, VersionNotFound
from housing_cli.model.intervals import IntervalModel
from housing_cli.registry import ModelRegistry
from tests.api.serving import FEATURES, add_version

INTERVALS = IntervalModel(0.9, [10.0, 30.0], [-2.0, -6.0], [3.0, 9.0])


@pytest.fixture
def empty(tmp_path: Path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "artifacts")


@pytest.fixture(params=[False, True], ids=["plain", "intervals"])
def served(request: pytest.FixtureRequest, empty: ModelRegistry) -> Served:
    """A version with and without prediction intervals."""
    more = {"intervals.json": INTERVALS.to_json()} if request.param else {}
    add_version(empty, spoil=lambda files, golden: ({**files, **more}, golden))
    return load_served(empty, "production")


def test_a_version_knows_its_name_its_features_and_its_prices(served: Served) -> None:
    assert (served.name, served.schema.features) == ("v1", FEATURES)
    golden = served.version.metadata.golden
    prices = [served.model.score_few([row])[0] for row in golden.inputs]
    assert prices == pytest.approx(golden.outputs, rel=1e-6)


def test_one_answer_says_what_a_batch_says(served: Served) -> None:
    prices, ids = [0.1 + 0.2, 21.5, 1234567.0], ["a", "b", "c"]
    spreads = [1.0, 0.3, 2.7]
    together = json.loads(msgspec.json.encode(served.answers(prices, spreads, ids)))
    alone = [
        json.loads(msgspec.json.encode(served.answer(price, spread, key)))
        for price, spread, key in zip(prices, spreads, ids, strict=True)
    ]
    assert together == alone
    assert [one["predicted_price"] for one in alone] == prices
    assert {one["model_version"] for one in alone} == {"v1"}
    for one, price, spread in zip(alone, prices, spreads, strict=True):
        if served.intervals is None:
            assert not {"interval", "coverage"} & one.keys()
        else:
            ends = served.intervals.interval(price, spread)
            assert one["interval"] == [float(f"{end:.6g}") for end in ends]
            assert one["coverage"] == 0.9
    assert served.answers([], [], []) == []


def test_what_is_not_the_registered_version_is_not_loaded(empty: ModelRegistry) -> None:
    with pytest.raises(VersionNotFound):
        load_served(empty, "production")
    file = add_version(empty).directory / "model.onnx"
    file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(VersionCorrupt, match="SHA-256"):
        load_served(empty, "v1")


def test_what_is_served_is_what_the_history_tells_of(empty: ModelRegistry) -> None:
    first, second = add_version(empty, 0), add_version(empty, 1)
    file = first.directory / "metadata.json"
    fields = json.loads(file.read_text())
    # The model of v2 in the folder of v1, with all that stands beside it made to fit.
    shutil.copyfile(second.directory / "model.onnx", first.directory / "model.onnx")
    other = json.loads((second.directory / "metadata.json").read_text())
    empties: dict[str, object] = {"inputs": [], "outputs": []}
    for golden in (other["golden"], empties):
        file.write_text(json.dumps(fields | {"files": other["files"], "golden": golden}))
        with pytest.raises(VersionCorrupt, match=r"`metadata.json` of v1 is not the one"):
            load_served(empty, "v1")
    shutil.copytree(second.directory, empty.directory("v3"))
    with pytest.raises(VersionCorrupt, match=r"v3 is there, but .* does not tell of it"):
        load_served(empty, "latest")
    assert load_served(empty, "v2").name == "v2"


def test_a_version_is_served_while_a_command_writes_the_next_lines(empty: ModelRegistry) -> None:
    add_version(empty)
    whole = empty.history_file.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for left in (last[:20], last, last + last):  # torn, or not yet in the digest
        empty.history_file.write_bytes(whole + left)
        assert load_served(empty, "v1").name == "v1"
    empty.history_file.write_bytes(whole[:-2] + b" }\n")
    with pytest.raises(VersionCorrupt, match="not the last one that was written"):
        load_served(empty, "v1")


def test_damaged_intervals_are_refused(tmp_path: Path) -> None:
    from housing_cli.api.served import load_served

    registry = ModelRegistry(tmp_path / "artifacts")
    add_version(registry, spoil=lambda files, golden: ({**files, "intervals.json": b"{}"}, golden))
    with pytest.raises(VersionCorrupt, match="prediction intervals"):
        load_served(registry, "v1")


def test_columns_are_the_same_whatever_their_limits() -> None:
    one = FeatureSchema(("a", "b"), "y")
    assert same_columns(one, FeatureSchema(("a", "b"), "y", {"a": (0, 1)}))
    in_units = msgspec.structs.replace(one, units={"a": "m²", "y": "EUR"})
    assert same_columns(one, in_units) and same_meaning(one, in_units)
    assert not same_columns(one, FeatureSchema(("b", "a"), "y"))
    assert not same_columns(one, FeatureSchema(("a", "b"), "z"))
