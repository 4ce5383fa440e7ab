"""Whatever a column may be called: served, documented, logged and read back under its name."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fastapi.testclient import TestClient

from housing_cli.api.served import load_served
from housing_cli.config import Data
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import VersionCorrupt
from housing_cli.prediction_log import open_log
from housing_cli.registry import ModelRegistry
from tests.api.serving import add_version

ODD = (
    "a'b", "a,b", "a;b", "{a}", "${a}", "%s", "%(a)s", "a/b", "a.b", "`a`", "=1+1", "@x", "#c",
    "a:b", "m²", "straße", "日本", "-1", "f0", "f1", "rows", "self", "model_config", "__class__",
    "select", "A", "é", "a b", "null", "true", "[a]", "<script>", "a&b", "a|b", "$ref",
    "real_price",
    "served", "price", "version", "n", "rowid", "house", "day", "label", "'; DROP TABLE x; --", "?",
    ":a", "x" * 200,
)  # fmt: skip
URLS = {"csv": "csv:{}/logs", "sqlite": "sqlite:///{}/logs.db"}


@pytest.mark.parametrize("kind", URLS)
def test_odd_names_go_all_the_way(
    kind: str, tmp_path: Path, serve: Callable[..., TestClient]
) -> None:
    add_version(ModelRegistry(tmp_path / "artifacts"), features=ODD)
    url = URLS[kind].format(tmp_path)
    client = serve(data={"features": ODD}, log={"url": url})
    row = {name: float(place) for place, name in enumerate(ODD)}
    answers = [client.post("/predict", json=row).json()]
    answers += client.post("/predict/batch", json={"rows": [row, row]}).json()["predictions"]
    for answer in answers:
        given = client.post("/feedback", json={"id": answer["id"], "real_price": 20.0})
        assert given.status_code == 200, given.text
    documented = client.get("/openapi.json").json()["components"]["schemas"]["Features"]
    assert tuple(documented["properties"]) == (*ODD, "house_id")
    assert client.get("/metrics").status_code == 200
    refused = client.post("/predict", json=row | {ODD[0]: "x"})
    assert refused.status_code == 422
    assert ODD[0] in refused.text
    found = open_log(url, FeatureSchema(ODD, "MEDV")).labeled(newest=9)
    assert found.features.tolist() == [list(row.values())] * 3
    if kind == "csv":
        with (tmp_path / "logs" / "predictions.csv").open(newline="", encoding="utf-8") as file:
            assert tuple(next(csv.reader(file))[3:-1]) == ODD


@pytest.mark.parametrize("name", ['a"b', "a\\b", '"', "a\x00b", "a\nb", " a", ""])
def test_a_name_that_no_request_can_carry_is_refused_before_it_is_trained_and_when_it_was(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="column"):
        Data(features=("RM", name))
    registry = ModelRegistry(tmp_path / "artifacts")
    file = add_version(registry, features=("RM", "odd")).directory / "metadata.json"
    encoded = msgspec.json.encode(name)
    file.write_bytes(re.sub(rb'"odd"', lambda _: encoded, file.read_bytes()))
    with pytest.raises(VersionCorrupt, match=r"`metadata.json` of v1 cannot be read: .*column"):
        load_served(registry, "v1")
