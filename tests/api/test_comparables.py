"""Comparables are the training houses that most trees do not part from the one asked about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from housing_cli.api.comparables import MOST, Comparables
from housing_cli.api.explainer import load_explainer, training_rows
from housing_cli.api.served import load_served
from housing_cli.config import load_settings
from housing_cli.data.kinds import Category, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.loop.train import train
from housing_cli.registry import ModelRegistry
from tests.api.serving import ROW
from tests.conftest import FEATURES, QUICK, SHIPPED

Serve = Callable[..., TestClient]


@pytest.fixture
def client(artifacts: Path, serve: Serve) -> TestClient:
    return serve(explain={"comparables": True})


def by_scikit_learn(artifacts: Path, row: dict[str, Any]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the share of trees that each training row shares with `row`, and the rows."""
    pipeline = joblib.load(artifacts / "versions" / "v1" / "model.joblib")
    table = pd.read_csv(SHIPPED)
    leaves = pipeline["regressor"].apply(pipeline[0].transform(table[FEATURES]))
    own = pipeline["regressor"].apply(pipeline[0].transform(pd.DataFrame([row], dtype=float)))
    return (leaves == own).mean(axis=1), table


def test_the_most_similar_houses_are_shown_with_their_real_prices(
    client: TestClient, artifacts: Path
) -> None:
    row = {**ROW, "AGE": 50.0}
    found = client.post("/explain", json=row).json()["comparables"]
    shares, table = by_scikit_learn(artifacts, row)
    assert len(found) == MOST
    expected = np.sort(shares)[::-1][:MOST].round(4).tolist()
    assert [one["similarity"] for one in found] == expected
    best = table.iloc[int(np.argmax(shares))]
    assert found[0]["price"] == best["MEDV"]
    told = found[0]["features"]
    assert list(told) == FEATURES
    for name in FEATURES:
        assert told[name] == best[name] or (told[name] is None and np.isnan(best[name]))


def test_a_house_that_was_learned_from_is_found_again(client: TestClient) -> None:
    table = pd.read_csv(SHIPPED)[FEATURES].astype(object)
    row = table.where(table.notna(), None).iloc[100].to_dict()
    found = client.post("/explain", json=row).json()["comparables"]
    assert found[0]["similarity"] == 1.0
    assert row in [one["features"] for one in found]


def test_by_default_no_training_row_is_shown(artifacts: Path, serve: Serve) -> None:
    assert "comparables" not in serve().post("/explain", json=ROW).json()


def test_openapi_says_what_comparables_are(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    found = client.post("/explain", json=ROW).json()["comparables"][0]
    assert set(schemas["Comparable"]["properties"]) == set(found)


def test_a_model_without_trees_has_none(workshop: Path, serve: Serve) -> None:
    given = {"data.path": str(SHIPPED), "registry.path": str(workshop / "artifacts")}
    train(load_settings(None, given, ["model.regressor=Ridge", *QUICK[3::2]], {}))
    answer = serve(explain={"comparables": True}).post("/explain", json=ROW)
    assert answer.status_code == 200
    assert "comparables" not in answer.json()


def test_words_are_shown_as_words_and_strangers_are_left_out(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    served = load_served(registry, "v1")
    explainer = load_explainer(registry, served.version, served.model, with_leaves=True)
    rows = training_rows(registry, served.version)
    kind = Category(vocabulary(["no river", "river"]))
    rows.features[3][:] = [float(kind.codes["river"])] * len(rows.target)
    schema = FeatureSchema(tuple(FEATURES), "MEDV", {}, {"CHAS": kind})
    found = Comparables(explainer, rows, schema).nearest([float(v) for v in ROW.values()])
    assert {one["features"]["CHAS"] for one in found} == {"river"}
    assert all(one["similarity"] > 0 for one in found)
