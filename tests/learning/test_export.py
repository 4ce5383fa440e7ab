"""The compiled model gives the fitted one's prices, whatever is fitted."""

from __future__ import annotations

import io
from typing import Any

import joblib
import numpy as np
import onnxruntime
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from housing_cli.config import load_settings
from housing_cli.config.settings import Model
from housing_cli.data.table import read_table
from housing_cli.errors import ExportError
from housing_cli.learning.export import export_onnx, random_rows, verify_export
from housing_cli.learning.pipeline import FINAL, MEMBERS, SUPPORTED, as_served, build_pipeline
from housing_cli.learning.spread import fit_spread
from housing_cli.model.compiled import CompiledModel
from tests.conftest import SHIPPED

pytestmark = pytest.mark.slow

TABLE = read_table(SHIPPED, load_settings(environ={}).schema())
HISTOGRAM = "HistGradientBoostingRegressor"
FEW = {"RandomForestRegressor__n_estimators": 5, f"{HISTOGRAM}__max_iter": 5}
SMALL: dict[str, dict[str, Any]] = {
    **{
        name: {"n_estimators": 20}
        for name in SUPPORTED
        if "Forest" in name
        or "Boost" in name
        or name in {"ExtraTreesRegressor", "BaggingRegressor", "LGBMRegressor"}
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
@pytest.mark.parametrize("regressor", SUPPORTED)
def test_compiled_and_fitted_prices_are_the_same(regressor: str, imputer: str) -> None:
    model = Model(regressor, SMALL.get(regressor, {}), imputer)  # type: ignore[arg-type]
    pipeline = build_pipeline(model, seed=1, jobs=1)
    features = TABLE.features.copy()
    features[::7, 3] = np.nan
    pipeline.fit(features, TABLE.target)
    onnx = export_onnx(pipeline, 13)
    assert onnx == export_onnx(pipeline, 13)
    assert verify_export(pipeline, CompiledModel(onnx, 13), features, 1) < 1e-3


@pytest.mark.parametrize("regressor", SUPPORTED)
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


@pytest.mark.parametrize(
    "regressor", ["RandomForestRegressor", HISTOGRAM, "Ridge", "VotingRegressor"]
)
def test_a_spread_is_compiled_beside_prices_that_stay_as_they_are(regressor: str) -> None:
    pipeline = build_pipeline(Model(regressor, SMALL.get(regressor, {})), seed=1, jobs=1)
    pipeline.fit(TABLE.features, TABLE.target)
    noise = np.random.default_rng(0).gamma(2, 1, len(TABLE.target))
    spread = fit_spread(pipeline, TABLE.features, TABLE.target, (TABLE.target + noise)[None], 1)
    assert spread is not None
    onnx = export_onnx(pipeline, 13, spread.model)
    assert onnx == export_onnx(pipeline, 13, spread.model)
    both = CompiledModel(onnx, 13, spreads=True)
    verify_export(pipeline, both, TABLE.features, 1, spread.model)
    prices, spreads = both.scored(TABLE.features)
    rows = TABLE.features.tolist()
    alone = [both.scored_few([row]) for row in rows[:50]]
    # On some processors NumPy's exponential differs from the C library's in the last bit.
    assert [one for _, (one,) in alone] == pytest.approx(spreads[:50].tolist(), rel=1e-14)
    assert [price for (price,), _ in alone] == pytest.approx(prices[:50].tolist(), rel=1e-5)
    # A program that knows nothing of spreads reads one output, and the same prices.
    (output,) = onnxruntime.InferenceSession(onnx).get_outputs()
    assert output.shape[1] == 1
    assert CompiledModel(onnx, 13).score(TABLE.features).tolist() == prices.tolist()
    plain = CompiledModel(export_onnx(pipeline, 13), 13)
    assert plain.score(TABLE.features).tolist() == prices.tolist()


def test_a_spread_that_is_not_the_compiled_one_is_refused() -> None:
    pipeline = build_pipeline(Model("Ridge", {}), seed=1, jobs=1)
    pipeline.fit(TABLE.features, TABLE.target)
    noise = np.random.default_rng(0).gamma(2, 1, (2, len(TABLE.target)))
    one, other = (
        fit_spread(pipeline, TABLE.features, TABLE.target, (TABLE.target + part)[None], 1)
        for part in noise
    )
    assert one is not None and other is not None
    compiled = CompiledModel(export_onnx(pipeline, 13, one.model), 13, spreads=True)
    with pytest.raises(ExportError, match="spread"):
        verify_export(pipeline, compiled, TABLE.features, 1, other.model)


@pytest.mark.parametrize(
    "regressor", ["RandomForestRegressor", HISTOGRAM, "Ridge", "VotingRegressor"]
)
def test_a_logarithm_that_was_learned_is_compiled_to_a_price(regressor: str) -> None:
    model = Model(regressor, SMALL.get(regressor, {}), target="log")
    pipeline = build_pipeline(model, seed=1, jobs=1)
    dear = TABLE.target * 20_000  # where float32 has few digits left for a logarithm
    pipeline.fit(TABLE.features, dear)
    noise = np.random.default_rng(0).gamma(2, 1, len(dear))
    spread = fit_spread(pipeline, TABLE.features, dear, (dear + noise)[None], 1)
    assert spread is not None
    onnx = export_onnx(pipeline, 13, spread.model)
    assert onnx == export_onnx(pipeline, 13, spread.model)
    compiled = CompiledModel(onnx, 13, spreads=True)
    rows = np.vstack([TABLE.features, random_rows(TABLE.features, 20_000, 1)])
    assert compiled.score(rows) == pytest.approx(pipeline.predict(rows), rel=1e-4)
    verify_export(pipeline, compiled, TABLE.features, 1, spread.model)
