"""Values beyond all that were learned are answered, named and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from housing_cli.config import load_settings
from housing_cli.data.table import read_table
from housing_cli.registry import ModelRegistry
from tests.api.serving import FEATURES, ROW, add_version
from tests.conftest import SHIPPED

Serve = Callable[..., TestClient]
FAR: dict[str, Any] = {**ROW, "RM": 12.0, "TAX": 1.0}


@pytest.fixture(params=["csv", "sqlite"])
def client(
    request: pytest.FixtureRequest, artifacts: Path, workshop: Path, serve: Serve
) -> TestClient:
    """A client of a server that appends at once, and of one whose log holds its writer."""
    url = "csv:logs" if request.param == "csv" else "sqlite:///p.db"
    return serve(log={"url": url})


def counted(client: TestClient) -> dict[str, float]:
    found = re.findall(r'housing_outside_range_total\{feature="(\w+)"\} ([\d.]+)',
                       client.get("/metrics").text)  # fmt: skip
    return {name: float(value) for name, value in found}


def test_the_metadata_tell_the_range_of_each_number(artifacts: Path) -> None:
    table = read_table(SHIPPED, load_settings(environ={}).schema())
    ranges = ModelRegistry(artifacts).get("v1").metadata.ranges
    assert list(ranges) == list(FEATURES)
    low, high = np.nanmin(table.features, axis=0), np.nanmax(table.features, axis=0)
    assert [ranges[name] for name in FEATURES] == list(
        zip(low.tolist(), high.tolist(), strict=True)
    )


def test_a_row_outside_is_priced_and_says_what_of_it_is(client: TestClient) -> None:
    usual, far = (client.post("/predict", json=row).json() for row in (ROW, FAR))
    assert "outside" not in usual
    assert far["outside"] == ["RM", "TAX"]
    assert far.keys() - usual.keys() == {"outside"}
    assert counted(client) == {"RM": 1.0, "TAX": 1.0}


def test_the_ends_of_a_range_and_missing_values_are_inside(
    client: TestClient, artifacts: Path
) -> None:
    ranges = ModelRegistry(artifacts).get("v1").metadata.ranges
    for end in (0, 1):
        row = {name: ends[end] for name, ends in ranges.items()}
        assert "outside" not in client.post("/predict", json=row).json()
    assert "outside" not in client.post("/predict", json=dict.fromkeys(FEATURES)).json()
    assert counted(client) == {}


def test_a_batch_says_it_of_each_row_also_behind_the_first_chunk(client: TestClient) -> None:
    rows = [ROW] * 700
    rows[3] = FAR
    rows[600] = {**ROW, "B": -1}
    answers = client.post("/predict/batch", json={"rows": rows}).json()["predictions"]
    assert {k: one["outside"] for k, one in enumerate(answers) if "outside" in one} == {
        3: ["RM", "TAX"],
        600: ["B"],
    }
    assert counted(client) == {"RM": 1.0, "TAX": 1.0, "B": 1.0}
    assert answers[0]["predicted_price"] == answers[699]["predicted_price"]


def test_an_explanation_says_it_and_is_not_counted(client: TestClient) -> None:
    assert client.post("/explain", json=FAR).json()["outside"] == ["RM", "TAX"]
    assert "outside" not in client.post("/explain", json=ROW).json()
    assert counted(client) == {}


def test_a_version_that_knows_no_ranges_says_nothing(registry: ModelRegistry, serve: Serve) -> None:
    client = serve()
    assert "outside" not in client.post("/predict", json=FAR).json()
    answer = client.post("/predict/batch", json={"rows": [FAR]}).json()
    assert "outside" not in answer["predictions"][0]
    assert add_version(registry, 1).metadata.ranges == {}
