"""Values are those of Shapley: as all subsets give them, and as the package `shap` does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from housing_cli.learning.fitting import one_thread
from housing_cli.learning.trees import trees_of
from housing_cli.model import shapley
from housing_cli.model.shapley import TreeShapley, sampled
from housing_cli.model.trees import Floats, Trees

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(400, 9)).astype(np.float32).astype(np.float64)
PRICES = 20 + 3 * ROWS[:, 0] * ROWS[:, 1] + ROWS[:, 2] ** 2 + RNG.normal(0, 0.1, 400)


def worth(trees: Trees, covers: np.ndarray, row: Floats, known: frozenset[int]) -> float:
    """Return the expectation of the price where only the columns `known` are known."""
    size: dict[int, float] = {}

    def count(node: int) -> float:
        if node not in size:
            inner = node >= 0
            size[node] = (
                count(trees.yes[node]) + count(trees.no[node]) if inner else float(covers[~node])
            )
        return size[node]

    def at(node: int) -> float:
        if node < 0:
            return float(trees.value[~node])
        yes, no = int(trees.yes[node]), int(trees.no[node])
        if trees.feature[node] in known:
            return at(yes if row[trees.feature[node]] <= trees.threshold[node] else no)
        return (count(yes) * at(yes) + count(no) * at(no)) / count(node)

    return sum(at(int(root)) for root in trees.roots)


def by_definition(value: Callable[[frozenset[int]], float], width: int) -> list[float]:
    """Return the Shapley values of a game of `width` players."""
    found = []
    for player in range(width):
        others = [other for other in range(width) if other != player]
        total = 0.0
        for size in range(width):
            weight = factorial(size) * factorial(width - size - 1) / factorial(width)
            for chosen in map(frozenset, combinations(others, size)):
                total += weight * (value(chosen | {player}) - value(chosen))
        found.append(total)
    return found


@pytest.mark.parametrize("seed", range(30))
def test_values_are_those_of_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 6))
    rows = rng.integers(0, 4, (60, width)).astype(float)  # few values: columns are split again
    prices = rng.gamma(2, 10, 60) + rows.sum(axis=1)
    depth = int(rng.integers(1, 9))
    model = RandomForestRegressor(3, max_depth=depth, random_state=seed).fit(rows, prices)
    trees, covers = trees_of(model)
    explained = TreeShapley(trees, covers)
    row = rows[seed] + 0.5 * (seed % 2)
    expected = by_definition(lambda known: worth(trees, covers, row, known), width)
    assert explained.values(row) == pytest.approx(expected, abs=1e-9)
    assert explained.base == pytest.approx(worth(trees, covers, row, frozenset()))


MODELS: list[Any] = [
    RandomForestRegressor(30, random_state=0),
    RandomForestRegressor(7, max_features=0.3, min_samples_leaf=3, random_state=0),
    ExtraTreesRegressor(10, random_state=0),
    DecisionTreeRegressor(random_state=0),
    GradientBoostingRegressor(n_estimators=40, subsample=0.7, random_state=0),
    HistGradientBoostingRegressor(max_iter=40, random_state=0),
    HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=300),  # trees that never split
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(MODELS)))
def test_values_are_those_of_the_package_shap(number: int) -> None:
    from shap import TreeExplainer

    with one_thread():
        model = MODELS[number].fit(ROWS, PRICES)
    other = TreeExplainer(model, feature_perturbation="tree_path_dependent")
    explained = TreeShapley(*trees_of(model))
    values = np.array([explained.values(row) for row in ROWS[:50]])
    assert np.abs(values - other.shap_values(ROWS[:50])).max() < 1e-6
    assert explained.base == pytest.approx(float(np.ravel(other.expected_value)[0]), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 2, 40])
def test_paths_of_few_and_of_many_columns_are_right_too(columns: int) -> None:
    from shap import TreeExplainer

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, columns)).astype(np.float32).astype(np.float64)
    prices = np.sin(rows).sum(axis=1) + rng.normal(0, 1, 2000)
    model = DecisionTreeRegressor(max_features=1, random_state=0).fit(rows, prices)
    other = TreeExplainer(model, feature_perturbation="tree_path_dependent")
    explained = TreeShapley(*trees_of(model))
    values = np.array([explained.values(row) for row in rows[:20]])
    assert np.abs(values - other.shap_values(rows[:20])).max() < 1e-6


@pytest.mark.parametrize("nodes", [1, 200, 10**9])
def test_values_do_not_depend_on_how_many_trees_are_taken_together(
    nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees, covers = trees_of(RandomForestRegressor(12, random_state=0).fit(ROWS, PRICES))
    expected = TreeShapley(trees, covers).values(ROWS[0])
    monkeypatch.setattr(shapley, "PART_NODES", nodes)
    assert TreeShapley(trees, covers).values(ROWS[0]) == pytest.approx(expected)


def test_base_and_values_sum_to_the_price() -> None:
    model = RandomForestRegressor(20, random_state=0).fit(ROWS, PRICES)
    explained = TreeShapley(*trees_of(model))
    for row, price in zip(ROWS[:20], model.predict(ROWS[:20]), strict=True):
        assert explained.base + explained.values(row).sum() == pytest.approx(price, rel=1e-12)


def test_a_leaf_that_no_row_came_to_is_refused() -> None:
    trees, covers = trees_of(DecisionTreeRegressor(max_depth=3).fit(ROWS, PRICES))
    with pytest.raises(ValueError, match="no training row"):
        TreeShapley(trees, np.where(covers == covers[0], 0, covers))
    with pytest.raises(ValueError, match="no training row"):
        TreeShapley(trees, covers[1:])


def test_a_branch_that_leads_back_is_refused_and_not_followed_for_ever() -> None:
    trees, covers = trees_of(DecisionTreeRegressor(max_depth=3).fit(ROWS, PRICES))
    yes = trees.yes.copy()
    yes[1] = 0
    circle = Trees(trees.roots, trees.feature, trees.threshold, yes, trees.no, trees.value)
    with pytest.raises(ValueError, match="leads back"):
        TreeShapley(circle, covers)


def test_sampled_values_sum_exactly_and_are_the_same_each_time() -> None:
    def score(rows: Floats) -> Floats:
        return rows[:, 0] * rows[:, 1] + np.maximum(rows[:, 2], 0)

    background = ROWS[:40, :4]
    base, values = sampled(score, ROWS[50, :4], background)
    assert base == pytest.approx(score(background).mean())
    assert base + values.sum() == pytest.approx(score(ROWS[50:51, :4])[0])
    assert values[3] == 0  # which the price does not look at
    assert sampled(score, ROWS[50, :4], background)[1].tolist() == values.tolist()


def test_sampled_values_of_a_sum_are_exact_and_of_a_product_near() -> None:
    slopes = np.array([2.0, -1.0, 0.5])
    row, background = ROWS[7, :3], ROWS[:50, :3]
    _, values = sampled(lambda rows: rows @ slopes, row, background)
    assert values == pytest.approx(slopes * (row - background.mean(axis=0)))
    _, values = sampled(lambda rows: rows[:, 0] * rows[:, 1], row, background)
    whole = row[:2].prod()
    first, second = (row[0] * background[:, 1]).mean(), (row[1] * background[:, 0]).mean()
    none = (background[:, 0] * background[:, 1]).mean()
    expected = [(first - none + whole - second) / 2, (second - none + whole - first) / 2, 0.0]
    assert values == pytest.approx(expected, abs=0.2)
