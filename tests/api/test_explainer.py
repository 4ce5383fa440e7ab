"""Contributions are listed by size, rounded so that their sum stays the price."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing_cli.api.explainer import contributions, load_explainer, training_rows
from housing_cli.api.served import load_served
from housing_cli.judging.reference import load_reference
from housing_cli.model.explanation import Explained
from housing_cli.registry import ModelRegistry
from tests.api.serving import FEATURES


@pytest.mark.parametrize("size", [1e-3, 1.0, 4.5e5])
def test_rounded_contributions_still_sum_to_a_price_of_any_size(size: float) -> None:
    given = np.random.default_rng(0).normal(size=13) * size
    found = contributions(Explained(3 * size, given[None]), 0, FEATURES, list(range(13)))
    whole = found["base"] + sum(one["contribution"] for one in found["contributions"])
    assert whole == pytest.approx(3 * size + given.sum(), rel=1e-7)
    assert all(len(str(one["contribution"])) <= 14 for one in found["contributions"])


def test_factors_come_by_how_far_they_are_from_one() -> None:
    found = Explained(20.0, np.array([[1.1, 0.5, 1.5]]), "log")
    told = contributions(found, 0, ("a", "b", "c"), [1, 2, 3])
    assert told["base"] == 20.0
    assert [(one["feature"], one["factor"]) for one in told["contributions"]] == [
        ("b", 0.5), ("c", 1.5), ("a", 1.1),
    ]  # fmt: skip


def test_the_training_rows_are_those_of_the_reference(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    version = registry.get("v1")
    known = load_reference(registry, version)
    rows = training_rows(registry, version)
    assert np.array_equal(rows.matrix(), known.features, equal_nan=True)
    assert rows.target == known.target.tolist()


def test_a_version_explains_all_of_its_training_rows(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    served = load_served(registry, "v2")
    rows = training_rows(registry, served.version).matrix()[:40]
    found = load_explainer(registry, served.version, served.model).explain(rows)
    prices = served.model.score(rows)
    assert found.prices() == pytest.approx(prices, rel=1e-6)
    assert found.prices()[0] == pytest.approx(found.base + found.contributions[0].sum())
