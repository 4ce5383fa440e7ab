"""The pipeline that the settings name, and what is said of one that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from housing_cli.config import Model
from housing_cli.errors import ModelError
from housing_cli.learning.pipeline import (
    BLENDS,
    FINAL,
    MEMBERS,
    REGRESSORS,
    SUPPORTED,
    as_served,
    build_pipeline,
)

HISTOGRAM = "HistGradientBoostingRegressor"


def built(name: str, params: dict[str, Any] | None = None, **options: Any) -> Pipeline:
    return build_pipeline(Model(name, params or {}, **options), seed=7, jobs=2)


@pytest.mark.parametrize("name", REGRESSORS)
def test_every_regressor_stands_behind_an_imputer(name: str) -> None:
    pipeline = built(name, {"estimators": ["Ridge"]} if name in BLENDS else {})
    assert next(iter(pipeline.named_steps)) == "imputer"
    assert type(pipeline["regressor"]) is REGRESSORS[name]


@pytest.mark.parametrize("imputer", ["mean", "median", "most_frequent"])
def test_the_imputer_is_the_one_asked_for(imputer: str) -> None:
    assert built("Ridge", imputer=imputer)["imputer"].strategy == imputer


def test_seed_and_cores_go_to_those_that_take_them() -> None:
    forest = built("RandomForestRegressor", {"n_estimators": 3})["regressor"]
    assert (forest.random_state, forest.n_jobs, forest.n_estimators) == (7, 2, 3)
    assert built("RandomForestRegressor", {"random_state": 1})["regressor"].random_state == 1
    assert "n_jobs" not in built("Ridge", {"alpha": 2.0})["regressor"].get_params()


@pytest.mark.parametrize(
    ("name", "params", "rounded"),
    [
        (HISTOGRAM, {}, True),
        ("VotingRegressor", {"estimators": [HISTOGRAM, "Ridge"]}, True),
        ("VotingRegressor", {"estimators": ["Lasso", "Ridge"]}, False),
        ("RandomForestRegressor", {}, False),
    ],
)
def test_histogram_boosting_learns_from_rounded_features(
    name: str, params: dict[str, Any], rounded: bool
) -> None:
    assert ("rounding" in built(name, params).named_steps) is rounded


def test_what_is_served_is_float32_and_finite() -> None:
    highest = float(np.finfo(np.float32).max)
    served = as_served(np.array([[0.1, 1e300, -1e300, np.nan]]))
    assert served.dtype == np.float64
    assert served[0, :3].tolist() == [float(np.float32(0.1)), highest, -highest]
    assert np.isnan(served[0, 3])


def test_a_blend_is_not_a_member_and_a_tree_not_a_final_estimator() -> None:
    assert set(MEMBERS) | set(BLENDS) == set(SUPPORTED)
    assert set(FINAL) <= set(MEMBERS)
    assert not any("Tree" in name or "Forest" in name for name in FINAL)


def test_members_get_the_seed_and_their_parameters() -> None:
    params = {
        "estimators": ["RandomForestRegressor", HISTOGRAM, "Ridge"],
        "RandomForestRegressor__n_estimators": 5,
        f"{HISTOGRAM}__max_iter": 5,
        "Ridge__alpha": 3.0,
        "final_estimator": "Ridge",
        "final_estimator__alpha": 0.5,
    }
    stack = built("StackingRegressor", params)["regressor"]
    forest, boosting, ridge = (member for _, member in stack.estimators)
    assert (forest.random_state, forest.n_jobs, forest.n_estimators) == (7, 1, 5)
    assert (boosting.random_state, boosting.max_iter) == (7, 5)
    assert (ridge.alpha, stack.final_estimator.alpha) == (3.0, 0.5)
    assert (stack.cv.random_state, stack.cv.shuffle) == (7, True)


def test_a_fold_without_a_value_of_a_column_keeps_its_width() -> None:
    features = np.random.default_rng(0).normal(size=(40, 3))
    features[1:, 2] = np.nan
    pipeline = built("RandomForestRegressor", {"n_estimators": 2})
    pipeline.fit(features[1:], features[1:, 0])
    assert len(pipeline.predict(features[:1])) == 1


def test_an_unknown_regressor_or_parameter_is_a_known_error() -> None:
    with pytest.raises(ModelError, match=r"`model.regressor` is `SVR`, which is not supported"):
        built("SVR")
    with pytest.raises(ModelError, match=r"`model.params.n_trees` is not a parameter of") as raised:
        built("RandomForestRegressor", {"n_trees": 3})
    assert raised.value.hint.startswith("it has ") and "n_estimators" in raised.value.hint
    with pytest.raises(ModelError) as raised:
        built("RandomForestRegressor", {"n_estimator": 3})
    assert raised.value.hint == "did you mean `n_estimators`?"


STACK, VOTE = "StackingRegressor", "VotingRegressor"
TWO = {"estimators": ["RandomForestRegressor", "Ridge"]}


@pytest.mark.parametrize(
    ("name", "params", "message", "hint"),
    [
        (STACK, {}, "estimators` must list the regressors", "for example `estimators = ["),
        (VOTE, {"estimators": []}, "estimators` must list the regressors", "for example"),
        (VOTE, {"estimators": "Ridge"}, "estimators` must list the regressors", "for example"),
        (VOTE, {"estimators": ["SVR"]}, "estimators` is `SVR`, which", "use one of AdaBoost"),
        (VOTE, {"estimators": [STACK]}, f"estimators` is `{STACK}`", "use one of AdaBoost"),
        (VOTE, {"estimators": [3]}, "estimators` is `3`", "use one of AdaBoost"),
        (VOTE, {"estimators": ["Ridge", "Ridge"]}, "names Ridge twice", "name it once"),
        (VOTE, {**TWO, "weight": [1, 2]}, "weight` is not a parameter of", "mean `weights`?"),
        (VOTE, {**TWO, "weights": [1]}, "weights` is `[1]`", "give 2 numbers"),
        (VOTE, {**TWO, "weights": [0, 0]}, "weights` is `[0, 0]`", "give 2 numbers"),
        (VOTE, {**TWO, "weights": [1, "x"]}, "weights` is `[1, 'x']`", "give 2 numbers"),
        (VOTE, {**TWO, "weights": 1}, "weights` is `1`", "give 2 numbers"),
        (VOTE, {**TWO, "final_estimator": "Ridge"}, "final_estimator` is not a", ""),
        (VOTE, {**TWO, "Ridge__alhpa": 1}, "Ridge__alhpa` is not a", "mean `Ridge__alpha`?"),
        (VOTE, {**TWO, "Rigde__alpha": 1}, "Rigde__alpha` is not a", "mean `Ridge__alpha`?"),
        (VOTE, {**TWO, "Lasso__alpha": 1}, "Lasso__alpha` is not a parameter of", ""),
        (VOTE, {**TWO, "Ridge__": 1}, "Ridge__` is not a parameter of", ""),
        (VOTE, {**TWO, "Ridge": {"alpha": 1}}, "Ridge` is not a", "own as `Ridge__alpha`"),
        (STACK, {**TWO, "cv": 1}, "cv` is `1`", "at least 2"),
        (STACK, {**TWO, "cv": "prefit"}, "cv` is `prefit`", "at least 2"),
        (STACK, {**TWO, "final_estimator": HISTOGRAM}, f"final_estimator` is `{HISTOGRAM}`",
         "use one of ElasticNet, Lasso, LinearRegression, Ridge"),
        (STACK, {**TWO, "final_estimator": ["Ridge"]}, "final_estimator` is", "use one of"),
        (STACK, {**TWO, "final_estimator__alpha": 1}, "final_estimator__alpha` is not", ""),
        (HISTOGRAM, {"loss": "poisson"}, "loss` is `poisson`", "absolute_error, quantile, squared"),
        (HISTOGRAM, {"categorical_features": [3]}, "categorical_features` is not", "remove it"),
        (HISTOGRAM, {"n_estimators": 3}, "n_estimators` is not a parameter of", ""),
        (VOTE, {"estimators": [HISTOGRAM], f"{HISTOGRAM}__loss": "gamma"},
         f"`model.params.{HISTOGRAM}__loss` is `gamma`", "use one of"),
    ],
)  # fmt: skip
def test_what_cannot_be_combined_is_said(
    name: str, params: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ModelError) as raised:
        build_pipeline(Model(name, params), seed=1, jobs=1)
    assert message in raised.value.message
    assert raised.value.message.startswith("`model.params.") and hint in raised.value.hint
