"""A batch is scored by the versions that answer it, and answered in the order of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import pytest

from housing_cli.api.arms import CanaryArm
from housing_cli.api.batch import Bulk, body_of, identified, planned, scored
from housing_cli.api.failures import NotFinite
from housing_cli.api.gatherer import Mark
from housing_cli.api.served import Served, load_served
from housing_cli.registry import ModelRegistry, Trial
from tests.api.serving import FEATURES, add_version

N = 1200
"""More than two chunks."""
ROWS = [tuple(row) for row in np.random.default_rng(1).normal(size=(N, len(FEATURES))).tolist()]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Served]:
    registry = ModelRegistry(tmp_path_factory.mktemp("batch") / "artifacts")
    for seed in (0, 1):
        add_version(registry, seed)
    return [load_served(registry, name) for name in ("v1", "v2")]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def arm_of(served: Served, weight: float) -> CanaryArm:
    return CanaryArm(Trial("canary", served.name, "", weight, 1), served, weight, None)


def answered(bulks: list[Bulk], pool: ThreadPoolExecutor) -> list[dict[str, Any]]:
    groups = [group for bulk in bulks for group in scored(bulk, pool, 2)]
    identified(bulks, [[f"{name}-{price}" for price in prices] for name, _, prices in groups])
    found: list[dict[str, Any]] = json.loads(body_of(bulks))["predictions"]
    return found


def test_one_version_answers_all_in_chunks(
    versions: list[Served], pool: ThreadPoolExecutor
) -> None:
    bulks = planned(versions[0], None, ROWS, ())
    found = answered(bulks, pool)
    expected = versions[0].model.score(np.array(ROWS)).tolist()
    assert [one["predicted_price"] for one in found] == expected
    assert {one["model_version"] for one in found} == {"v1"}
    assert body_of([Bulk(versions[0], [])]) == b'{"predictions":[]}'


def test_two_arms_answer_in_the_order_of_the_rows(
    versions: list[Served], pool: ThreadPoolExecutor
) -> None:
    arm = arm_of(versions[1], 40.0)
    marks = [Mark(house=str(at % 50)) for at in range(N)]
    bulks = planned(versions[0], arm, ROWS, marks)
    assert [bulk.served.name for bulk in bulks] == ["v2", "v1"]
    found = answered(bulks, pool)
    picked = [arm.picks(row, mark) for row, mark in zip(ROWS, marks, strict=True)]
    assert [one["model_version"] for one in found] == ["v2" if pick else "v1" for pick in picked]
    prices = [served.model.score(np.array(ROWS)).tolist() for served in versions]
    expected = [prices[pick][at] for at, pick in enumerate(picked)]
    assert [one["predicted_price"] for one in found] == expected
    assert [one["id"].partition("-")[0] for one in found] == [one["model_version"] for one in found]


def test_what_an_arm_has_no_rows_for_is_not_planned(versions: list[Served]) -> None:
    marks = [Mark()] * N
    (own,) = planned(versions[0], arm_of(versions[1], 100.0), ROWS, marks)
    assert own.served.name == "v2"
    (usual,) = planned(versions[0], arm_of(versions[1], 1e-9), ROWS, marks)
    assert (usual.served.name, len(usual.rows)) == ("v1", N)


def test_the_row_without_a_price_is_named_by_its_place_in_the_batch(
    versions: list[Served], pool: ThreadPoolExecutor
) -> None:
    class Gap:
        def run(self, rows: Any) -> Any:
            return np.where(rows[:, 0] > 5, np.nan, 1.0).astype(np.float32), np.ones(len(rows))

    broken = msgspec.structs.replace(versions[0], model=Gap())
    rows = [(0.0, *ROWS[0][1:])] * N
    rows[900] = (9.0, *ROWS[0][1:])
    with pytest.raises(NotFinite, match="row 900"):
        list(scored(Bulk(broken, rows), pool, 2))
    places = list(range(100, 100 + N))
    with pytest.raises(NotFinite, match="row 1000"):
        list(scored(Bulk(broken, rows, places), pool, 2))
