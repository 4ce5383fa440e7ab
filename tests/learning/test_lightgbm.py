"""LightGBM, an extra: compiled as it is fitted, explained exactly, and served without it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from housing_cli import __version__
from housing_cli.api.app import create_app
from housing_cli.config import Settings, load_settings
from housing_cli.config.settings import Model
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_table
from housing_cli.errors import ConfigError, ModelError
from housing_cli.learning.encoding import columns_of
from housing_cli.learning.explaining import explanation_of
from housing_cli.learning.export import export_onnx, verify_export
from housing_cli.learning.fitting import fit_pipeline, measure
from housing_cli.learning.lightgbm import BOOSTING, MORE, NAME, OBJECTIVES, nodes_of
from housing_cli.learning.pipeline import as_served, build_pipeline, named
from housing_cli.learning.trees import trees_of
from housing_cli.loop.train import train
from housing_cli.model.compiled import CompiledModel
from housing_cli.model.explanation import Explainer, background_of
from housing_cli.registry import open_registry
from tests.conftest import ROOT, SHIPPED, Housing
from tests.learning.test_encoding import FEATURES as MIXED
from tests.learning.test_encoding import SCHEMA
from tests.learning.test_encoding import TARGET as PRICES
from tests.tables import california

TARGET = "median_house_value"
FEATURES = [name for name in california(1, 0) if name != TARGET]
WORD = "ocean_proximity"


def fitted(schema: FeatureSchema | None = SCHEMA, **params: Any) -> Any:
    """Return a pipeline of few trees, fitted on rows of words, days and missing values."""
    model = Model(NAME, {"n_estimators": 20, **params})
    return fit_pipeline(build_pipeline(model, seed=1, jobs=2, schema=schema), MIXED, PRICES)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        *({"boosting_type": name} for name in BOOSTING),
        *({"objective": name} for name in OBJECTIVES),
        {"subsample": 0.5, "subsample_freq": 1, "colsample_bytree": 0.5},
        {"max_bin": 8},  # thresholds on the data's own values
        {"min_child_samples": 500},  # trees that never split
        {"extra_trees": True, "num_leaves": 63, "min_child_samples": 1},
    ],
)
def test_what_is_compiled_has_the_prices_of_what_is_fitted(params: dict[str, Any]) -> None:
    """On each row, and on 20,000 random ones with unknown words and missing values."""
    pipeline = fitted(**params)
    onnx = export_onnx(pipeline, 6)
    compiled = CompiledModel(onnx, 6)
    assert verify_export(pipeline, compiled, MIXED, 1, whole=SCHEMA.whole()) < 1e-4
    assert onnx == export_onnx(fitted(**params), 6)


@pytest.mark.parametrize("blend", ["VotingRegressor", "StackingRegressor"])
def test_a_blend_of_it_is_compiled(blend: str) -> None:
    params = {"estimators": [NAME, "Ridge"], f"{NAME}__n_estimators": 5}
    pipeline = build_pipeline(Model(blend, params), seed=1, jobs=1).fit(MIXED, PRICES)
    compiled = CompiledModel(export_onnx(pipeline, 6), 6)
    assert verify_export(pipeline, compiled, MIXED, 1) < 1e-4


def test_thresholds_part_float32_values_as_lightgbm_does() -> None:
    pipeline = fitted(None)
    trees, _ = trees_of(pipeline["regressor"])
    at = trees.threshold.astype(np.float32)
    around = np.concatenate([np.nextafter(at, np.float32(-np.inf)), at, np.nextafter(at, np.inf)])
    rows = np.tile(np.nanmedian(as_served(MIXED), axis=0), (len(around), 1))
    rows[np.arange(len(around)), np.tile(trees.feature, 3)] = around
    compiled = CompiledModel(export_onnx(pipeline, 6), 6)
    assert np.abs(compiled.score(rows) - pipeline.predict(rows)).max() < 1e-4


def test_it_learns_from_what_is_served() -> None:
    """0.1 and 0.1 + 1e-12 are one float32: a threshold between them would be nothing to ONNX."""
    features = np.tile([0.1, 0.1 + 1e-12, 0.3], 40).reshape(-1, 1)
    target = np.tile([1.0, 100.0, 50.0], 40)
    params = {"n_estimators": 20, "min_data_in_bin": 1}
    pipeline = build_pipeline(Model(NAME, params), seed=1, jobs=1).fit(features, target)
    compiled = CompiledModel(export_onnx(pipeline, 1), 1)
    assert verify_export(pipeline, compiled, features, 1) < 1e-4
    assert trees_of(pipeline["regressor"])[0].threshold.min() > 0.11


def test_rows_come_to_the_leaves_that_lightgbm_leads_them_to() -> None:
    pipeline = fitted(None)
    model, rows = pipeline["regressor"], as_served(pipeline[0].transform(MIXED))
    trees, covers = trees_of(model)
    leaves, theirs = trees.leaves(rows), model.predict(rows, pred_leaf=True)
    for ours, other in zip(leaves.T, theirs.T, strict=True):
        pairs = np.unique(np.stack([ours, other]), axis=1)
        assert pairs.shape[1] == len(np.unique(ours)) == len(np.unique(other))
        names, counts = np.unique(ours, return_counts=True)
        assert covers[names].tolist() == counts.tolist()
    assert trees.score(rows) == pytest.approx(model.predict(rows), rel=1e-12)


def test_a_tree_that_never_splits_is_a_leaf_of_all_rows() -> None:
    counts, nodes = nodes_of(fitted(min_child_samples=500)["regressor"])
    assert counts.tolist() == [1]
    assert nodes["cover"].tolist() == [len(MIXED)]
    assert nodes["value"][0] == pytest.approx(PRICES.mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    "params", [{}, {"boosting_type": "dart"}, {"subsample": 0.5, "subsample_freq": 1}]
)
def test_explanations_are_those_of_the_package_shap(params: dict[str, Any]) -> None:
    from shap import TreeExplainer

    pipeline = fitted(**params)
    onnx = export_onnx(pipeline, 6)
    compiled = CompiledModel(onnx, 6)
    made = explanation_of(pipeline, onnx, compiled, MIXED)
    explainer = Explainer(made, onnx, compiled, background_of(MIXED))
    assert explainer.exact
    rows = MIXED[:20]
    other = TreeExplainer(pipeline["regressor"], feature_perturbation="tree_path_dependent")
    values = other.shap_values(as_served(pipeline[0].transform(rows)))
    names = columns_of(pipeline[0], 6)
    expected = np.array([np.bincount(names, row, 6) for row in values])
    found = explainer.explain(rows)
    assert np.abs(found.contributions - expected).max() < 1e-6
    assert found.base == pytest.approx(float(np.ravel(other.expected_value)[0]), abs=1e-6)
    assert found.prices() == pytest.approx(compiled.score(rows), rel=1e-6)


def test_prices_are_the_same_to_the_last_bit_on_several_threads() -> None:
    table = read_table(SHIPPED, load_settings(environ={}).schema())
    sets = (f"model.regressor={NAME}", "model.params.n_estimators=20", "train.repeats=2")
    prices = [
        measure(load_settings(None, {}, (*sets, f"train.jobs={jobs}"), {}), *columns).prices
        for jobs in (1, 3)
        for columns in [(table.features, table.target)]
    ]
    assert prices[0].tobytes() == prices[1].tobytes()


def test_logarithms_are_learned_compiled_and_explained() -> None:
    pipeline = build_pipeline(Model(NAME, {}, target="log"), seed=1, jobs=1, schema=SCHEMA)
    fit_pipeline(pipeline, MIXED, PRICES)
    onnx = export_onnx(pipeline, 6)
    compiled = CompiledModel(onnx, 6)
    assert verify_export(pipeline, compiled, MIXED, 1, whole=SCHEMA.whole()) < 1e-3
    assert explanation_of(pipeline, onnx, compiled, MIXED).parts


def test_the_openmp_that_it_brings_has_one_thread_too() -> None:
    """In a process of its own, where it is loaded after threads were counted."""
    code = (
        "import threadpoolctl as pools\n"
        "from housing_cli.learning.fitting import one_thread\n"
        "with one_thread(): pass\n"
        "import lightgbm\n"
        "with pools.threadpool_limits(2, user_api='openmp'), one_thread():\n"
        "    told = [p for p in pools.threadpool_info() if p['user_api'] == 'openmp']\n"
        "print({p['num_threads'] for p in told})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout == "{1}\n"


def test_seed_and_repeatability_are_given_and_a_member_has_its_own_parameters() -> None:
    def built(name: str, params: dict[str, Any]) -> Any:
        return build_pipeline(Model(name, params), seed=7, jobs=2)

    params = built(NAME, {"num_leaves": 5})["regressor"].get_params()
    assert (params["random_state"], params["n_jobs"], params["num_leaves"]) == (7, 1, 5)
    assert params["deterministic"] and params["force_row_wise"]
    both = {"estimators": [NAME, "Ridge"], f"{NAME}__max_bin": 9}
    vote = built("VotingRegressor", both)
    assert vote["regressor"].estimators[0][1].get_params()["max_bin"] == 9
    assert "rounding" in vote.named_steps and "rounding" in built(NAME, {}).named_steps
    assert named(Model("VotingRegressor", both)) == {"VotingRegressor", NAME, "Ridge"}


def test_every_parameter_that_is_offered_is_one_of_lightgbms() -> None:
    from lightgbm.basic import _ConfigAliases

    known = _ConfigAliases._get_all_param_aliases()
    assert set(MORE) <= {*known, *(alias for aliases in known.values() for alias in aliases)}


@pytest.mark.parametrize(
    ("params", "message", "hint"),
    [
        ({"n_estimator": 5}, "`model.params.n_estimator` is not a parameter of LGBMRegressor",
         "did you mean `n_estimators`?"),
        ({"device": "gpu"}, "`model.params.device` is not a parameter of", "it has alpha"),
        ({"objective": "poisson"}, "`model.params.objective` is `poisson`, which is not supported",
         "use one of fair, huber, mape, quantile, regression, regression_l1"),
        ({"boosting_type": "rf"}, "`model.params.boosting_type` is `rf`, which", "use one of dart"),
        ({"extra_trees": "no"}, "`model.params.extra_trees` is `no`, which", "one of true, false"),
        ({"num_leaves": 1}, "`model.params.num_leaves` is `1` but must be a whole number of at "
         "least 2", "check `model.params`"),
        ({"n_estimators": "ten"}, "is `ten` but must be a whole number of at least 1", "check"),
        ({"n_estimators": True}, "is `True` but must be a whole number of at least 1", "check"),
        ({"subsample": 1.5}, "is `1.5` but must be a number above 0 and at most 1", "check"),
        ({"reg_alpha": -1}, "is `-1` but must be a number of at least 0", "check"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_or_compiled_is_said(
    params: dict[str, Any], message: str, hint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError) as raised:
        fitted(None, **params)
    assert message in raised.value.message
    assert hint in raised.value.hint
    assert capfd.readouterr() == ("", "")  # LightGBM prints by itself what it refuses


def test_what_lightgbm_alone_refuses_is_said_without_the_place_in_its_source() -> None:
    with pytest.raises(ModelError) as raised:
        fitted(None, objective="quantile", alpha=2.0)
    assert raised.value.message.startswith("the regressor cannot be fitted: ")
    assert "/" not in raised.value.message and "\n" not in raised.value.message


def test_without_the_extra_it_is_said_which_one_it_is(
    housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("lightgbm.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    ran = housing("train", "--data-path", SHIPPED, "--set", f"model.regressor={NAME}")
    assert ran.code == 1
    assert ran.stderr == (
        "error: `LGBMRegressor` needs LightGBM, which is not installed\nhint: pip install "
        f"'.[lightgbm]' in the clone, or 'housing_loop-{__version__}-py3-none-any.whl[lightgbm]'\n"
    )


def test_a_system_without_openmp_is_told_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (tmp_path / "lightgbm.py").write_text(f"raise OSError({lost!r})\n")
    for name in [n for n in sys.modules if n.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match="LightGBM cannot be loaded: libgomp") as raised:
        build_pipeline(Model(NAME, {}), seed=1, jobs=1)
    assert "apt-get install libgomp1" in raised.value.hint


def settings(folder: Path) -> Settings:
    return load_settings(
        None,
        {
            "data.path": str(folder / "t.csv"),
            "registry.path": str(folder / "artifacts"),
            "log.url": f"csv:{folder / 'logs'}",
        },
        (
            f"data.features={json.dumps(FEATURES)}",
            f"data.target={TARGET}",
            f"model.regressor={NAME}",
            "model.params.n_estimators=20",
            "train.repeats=1",
        ),
        {},
    )


@pytest.mark.slow
def test_a_table_with_words_is_learned_and_served_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = california(800, 1)
    table.to_csv(tmp_path / "t.csv", index=False)
    made = train(settings(tmp_path))
    metadata = made.version.metadata
    assert metadata.regressor == NAME and metadata.parameters["n_estimators"] == 20
    assert metadata.libraries["lightgbm"]
    again = train(settings(tmp_path))
    hashes = [v.metadata.files["model.onnx"] for v in (made.version, again.version)]
    assert hashes[0] == hashes[1]
    for name in [n for n in sys.modules if n.partition(".")[0] == "lightgbm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert open_registry(settings(tmp_path)).get("v1").name == "v1"
    with TestClient(create_app(settings(tmp_path))) as client:
        row = {k: v for k, v in table.iloc[0].items() if k != TARGET and not pd.isna(v)}
        for word in (row[WORD], "MOON", None):
            answered = client.post("/predict", json={**row, WORD: word})
            assert answered.status_code == 200, answered.text
            price = answered.json()["predicted_price"]
            assert 15_000 < price < 600_000
            told = client.post("/explain", json={**row, WORD: word}).json()
            assert told["exact"] is True
            moved = sum(one["contribution"] for one in told["contributions"])
            assert told["base"] + moved == pytest.approx(price)
