"""The compiled model gives the fitted one's prices, whatever is fitted."""

from __future__ import annotations

import io
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from housing_cli.config import load_settings
from housing_cli.config.settings import Model
from housing_cli.data.table import read_table
from housing_cli.errors import ConfigError, ExportError, ModelError
from housing_cli.learning.export import export_onnx, random_rows, verify_export
from housing_cli.learning.pipeline import FINAL, MEMBERS, REGRESSORS, as_served, build_pipeline
from housing_cli.model.compiled import CompiledModel
from tests.conftest import SHIPPED

pytestmark = pytest.mark.slow

TABLE = read_table(SHIPPED, load_settings(environ={}).schema())
HISTOGRAM = "HistGradientBoostingRegressor"
FEW = {"RandomForestRegressor__n_estimators": 5, f"{HISTOGRAM}__max_iter": 5}
SMALL: dict[str, dict[str, Any]] = {
    **{
        name: {"n_estimators": 20}
        for name in REGRESSORS
        if "Forest" in name
        or "Boost" in name
        or name in {"ExtraTreesRegressor", "BaggingRegressor"}
    },
    HISTOGRAM: {"max_iter": 20},
    "StackingRegressor": {"estimators": ["RandomForestRegressor", HISTOGRAM, "Ridge"], **FEW},
    "VotingRegressor": {
        "estimators": ["RandomForestRegressor", HISTOGRAM, "Ridge"],
        "weights": [2, 1, 0.5],
        **FEW,
    },
}


def compiled_difference(name: str, params: dict[str, Any], seed: int = 1) -> float:
    pipeline = build_pipeline(Model(name, params), seed=seed, jobs=1)
    pipeline.fit(TABLE.features, TABLE.target)
    compiled = CompiledModel(export_onnx(pipeline, 13), 13)
    return verify_export(pipeline, compiled, TABLE.features, seed)


@pytest.mark.parametrize("imputer", ["mean", "median", "most_frequent"])
@pytest.mark.parametrize("regressor", REGRESSORS)
def test_compiled_and_fitted_prices_are_the_same(regressor: str, imputer: str) -> None:
    model = Model(regressor, SMALL.get(regressor, {}), imputer)  # type: ignore[arg-type]
    pipeline = build_pipeline(model, seed=1, jobs=1)
    features = TABLE.features.copy()
    features[::7, 3] = np.nan
    pipeline.fit(features, TABLE.target)
    onnx = export_onnx(pipeline, 13)
    assert onnx == export_onnx(pipeline, 13)
    assert verify_export(pipeline, CompiledModel(onnx, 13), features, 1) < 1e-3


@pytest.mark.parametrize("regressor", REGRESSORS)
def test_the_same_seed_gives_the_same_files(regressor: str) -> None:
    files = set()
    for _ in range(2):
        pipeline = build_pipeline(Model(regressor, SMALL.get(regressor, {})), seed=1, jobs=1)
        buffer = io.BytesIO()
        joblib.dump(pipeline.fit(TABLE.features, TABLE.target), buffer)
        files.add((buffer.getvalue(), export_onnx(pipeline, 13)))
    assert len(files) == 1


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "absolute_error"},
        {"loss": "quantile", "quantile": 0.9},
        {"early_stopping": True, "max_features": 0.5},
        {"max_bins": 8},  # thresholds on the data's own values
        {"min_samples_leaf": 300},  # trees that never split
    ],
)
def test_histogram_boosting_compiles_whatever_its_parameters(params: dict[str, Any]) -> None:
    assert compiled_difference(HISTOGRAM, {"max_iter": 30, **params}) < 1e-4


def test_the_private_trees_of_histogram_boosting_are_where_they_are_read() -> None:
    """What `pyproject.toml` bounds the version of scikit-learn for."""
    rows = np.arange(100.0).reshape(-1, 1)
    model = HistGradientBoostingRegressor(max_iter=2).fit(rows, rows[:, 0])
    assert model._baseline_prediction.shape == (1, 1)
    for (predictor,) in model._predictors:
        read = {"value", "left", "right", "feature_idx", "num_threshold", "is_leaf"}
        assert read <= set(predictor.nodes.dtype.names)


def test_histogram_boosting_learns_from_what_is_served() -> None:
    """0.1 and 0.1 + 1e-12 are one float32: a threshold between them would be nothing to ONNX."""
    features = np.tile([0.1, 0.1 + 1e-12, 0.3], 40).reshape(-1, 1)
    target = np.tile([1.0, 100.0, 50.0], 40)
    pipeline = build_pipeline(Model(HISTOGRAM, {"max_iter": 20}), seed=1, jobs=1)
    pipeline.fit(features, target)
    compiled = CompiledModel(export_onnx(pipeline, 1), 1)
    assert verify_export(pipeline, compiled, features, 1) < 1e-4
    nodes = np.concatenate([tree.nodes for (tree,) in pipeline["regressor"]._predictors])
    assert nodes["num_threshold"][nodes["is_leaf"] == 0].min() > 0.11


def test_thresholds_part_float32_values_as_scikit_learn_does() -> None:
    pipeline = build_pipeline(Model(HISTOGRAM, {"max_iter": 30}), seed=1, jobs=1)
    pipeline.fit(TABLE.features, TABLE.target)
    nodes = np.concatenate([tree.nodes for (tree,) in pipeline["regressor"]._predictors])
    nodes = nodes[nodes["is_leaf"] == 0]
    at = nodes["num_threshold"].astype(np.float32)
    around = np.concatenate([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.inf)])
    rows = np.tile(np.nanmedian(as_served(TABLE.features), axis=0), (len(around), 1))
    rows[np.arange(len(around)), np.tile(nodes["feature_idx"], 3)] = around
    compiled = CompiledModel(export_onnx(pipeline, 13), 13)
    assert np.abs(compiled.score(rows) - pipeline.predict(rows)).max() < 1e-4


@pytest.mark.parametrize("final", [*FINAL, None])
def test_every_final_estimator_compiles(final: str | None) -> None:
    params = {**SMALL["StackingRegressor"], "passthrough": True, "cv": 3}
    assert (
        compiled_difference(
            "StackingRegressor", params | ({"final_estimator": final} if final else {})
        )
        < 1e-4
    )


def test_every_regressor_can_be_a_member() -> None:
    few = {
        f"{name}__{key}": value for name in MEMBERS for key, value in SMALL.get(name, {}).items()
    }
    assert compiled_difference("VotingRegressor", {"estimators": list(MEMBERS), **few}) < 1e-4


def test_members_get_the_seed_and_their_parameters() -> None:
    params = {**SMALL["StackingRegressor"], "final_estimator": "Ridge", "Ridge__alpha": 3.0}
    model = Model("StackingRegressor", {**params, "final_estimator__alpha": 0.5})
    stack = build_pipeline(model, seed=7, jobs=2)["regressor"]
    forest, boosting, ridge = (member for _, member in stack.estimators)
    assert (forest.random_state, forest.n_jobs, forest.n_estimators) == (7, 1, 5)
    assert (boosting.random_state, boosting.max_iter) == (7, 5)
    assert (ridge.alpha, stack.final_estimator.alpha) == (3.0, 0.5)
    assert (stack.cv.random_state, stack.cv.shuffle) == (7, True)


def test_a_compiled_model_that_differs_is_refused() -> None:
    one, other = (
        build_pipeline(Model(params={"n_estimators": 2}), seed=seed, jobs=1).fit(
            TABLE.features, TABLE.target
        )
        for seed in (1, 2)
    )
    compiled = CompiledModel(export_onnx(other, 13), 13)
    with pytest.raises(ExportError, match="differs from the fitted one by up to"):
        verify_export(one, compiled, TABLE.features, 1)


def test_random_rows_hold_missing_values_and_values_of_the_data() -> None:
    drawn = random_rows(TABLE.features, 500, 1)
    assert 0.01 < np.isnan(drawn).mean() < 0.03
    assert np.isin(drawn[:, 5], TABLE.features[:, 5]).mean() > 0.3


def test_a_fold_without_a_value_of_a_column_keeps_its_width() -> None:
    features = TABLE.features[:40].copy()
    features[1:, 2] = np.nan
    pipeline = build_pipeline(Model(params={"n_estimators": 2}), seed=1, jobs=1)
    pipeline.fit(features[1:], TABLE.target[1:40])
    assert len(pipeline.predict(features[:1])) == 1


def test_an_unknown_regressor_or_parameter_is_a_known_error() -> None:
    for model in (Model("SVR"), Model(params={"trees": 3})):
        with pytest.raises(ConfigError):
            build_pipeline(model, seed=1, jobs=1)


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
