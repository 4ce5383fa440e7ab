"""What a version says of its prices sums to them, whatever was fitted, feature by feature."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from housing_cli.config import load_settings
from housing_cli.config.settings import Model
from housing_cli.data.kinds import Category, Date, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_table
from housing_cli.learning import explaining
from housing_cli.learning.encoding import columns_of
from housing_cli.learning.explaining import explanation_of
from housing_cli.learning.export import export_onnx
from housing_cli.learning.fitting import fit_pipeline
from housing_cli.learning.pipeline import SUPPORTED, as_served, build_pipeline, learned_by
from housing_cli.learning.trees import trees_of
from housing_cli.model.compiled import CompiledModel
from housing_cli.model.explanation import Explainer, Explanation, LinearPart, background_of
from tests.conftest import SHIPPED
from tests.learning.test_encoding import FEATURES as MIXED
from tests.learning.test_encoding import SCHEMA
from tests.learning.test_encoding import TARGET as MIXED_PRICES
from tests.learning.test_export import SMALL

BOSTON = read_table(SHIPPED, load_settings(environ={}).schema())
SAMPLED = {"AdaBoostRegressor"}


def explained(
    regressor: str,
    features: np.ndarray = BOSTON.features,
    target: np.ndarray = BOSTON.target,
    schema: FeatureSchema | None = None,
    params: dict[str, Any] | None = None,
    scale: Literal["price", "log"] = "price",
) -> tuple[Any, Explanation, Explainer, CompiledModel]:
    """Return a fitted pipeline, what is written of it, and what reads that."""
    given = SMALL.get(regressor, {}) if params is None else params
    model = Model(regressor, given, target=scale)
    pipeline = build_pipeline(model, seed=1, jobs=1, schema=schema)
    fit_pipeline(pipeline, features, target)
    raw = export_onnx(pipeline, features.shape[1])
    compiled = CompiledModel(raw, features.shape[1])
    made = explanation_of(pipeline, raw, compiled, features)
    read = Explanation.from_json(made.to_json())
    background = background_of(features)
    explainer = Explainer(read, raw, compiled, background, with_leaves=True)
    return pipeline, read, explainer, compiled


@pytest.mark.slow
@pytest.mark.parametrize("regressor", SUPPORTED)
def test_contributions_and_base_sum_to_the_price_of_every_regressor(regressor: str) -> None:
    _, _, explainer, compiled = explained(regressor)
    assert explainer.exact == (regressor not in SAMPLED)
    rows = np.vstack([BOSTON.features[:6], np.full((1, 13), np.nan)])
    found = explainer.explain(rows)
    assert found.contributions.shape == (7, 13)
    assert found.prices() == pytest.approx(compiled.score(rows), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("regressor", ["RandomForestRegressor", "HistGradientBoostingRegressor"])
def test_columns_of_words_and_days_add_up_to_their_feature_as_in_the_package_shap(
    regressor: str,
) -> None:
    from shap import TreeExplainer

    pipeline, _, explainer, _ = explained(regressor, MIXED, MIXED_PRICES, SCHEMA)
    encoded = as_served(pipeline[0].transform(MIXED[:20]))
    other = TreeExplainer(pipeline["regressor"], feature_perturbation="tree_path_dependent")
    values, names = other.shap_values(encoded), columns_of(pipeline[0], MIXED.shape[1])
    assert len(names) == encoded.shape[1] > MIXED.shape[1]
    expected = np.array([np.bincount(names, row, MIXED.shape[1]) for row in values])
    assert np.abs(explainer.explain(MIXED[:20]).contributions - expected).max() < 1e-6


def test_a_linear_models_contributions_are_slopes_times_the_distance_from_the_mean() -> None:
    pipeline, made, explainer, _ = explained("LinearRegression")
    rows = BOSTON.features[:9]
    imputed = pipeline[0].transform(BOSTON.features)
    expected = pipeline["regressor"].coef_ * (imputed[:9] - imputed.mean(axis=0))
    found = explainer.explain(rows)
    assert found.contributions == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert found.base == pytest.approx(BOSTON.target.mean())
    assert [type(part) for part in made.parts] == [LinearPart]


def test_a_vote_is_the_weighted_sum_of_what_its_members_say() -> None:
    names = ["RandomForestRegressor", "Ridge"]
    params = {"estimators": names, "weights": [3, 1], f"{names[0]}__n_estimators": 5}
    _, _, both, _ = explained("VotingRegressor", params=params)
    members = [
        explained(name, params={"n_estimators": 5} if "Forest" in name else {})[2] for name in names
    ]
    rows = BOSTON.features[:5]
    one, other = (member.explain(rows).contributions for member in members)
    assert both.explain(rows).contributions == pytest.approx(0.75 * one + 0.25 * other, abs=1e-6)


@pytest.mark.parametrize("passthrough", [True, False])
def test_stacking_is_exact_with_a_linear_final_estimator(passthrough: bool) -> None:
    params = {
        "estimators": ["DecisionTreeRegressor", "Ridge"],
        "final_estimator": "Ridge",
        "passthrough": passthrough,
        "cv": 2,
    }
    _, made, explainer, compiled = explained("StackingRegressor", params=params)
    found = explainer.explain(BOSTON.features[:5])
    assert explainer.exact
    assert found.prices() == pytest.approx(compiled.score(BOSTON.features[:5]), rel=1e-5)
    assert sum(isinstance(part, LinearPart) for part in made.parts) == 1 + passthrough


def test_bagging_on_some_columns_is_sampled() -> None:
    params = {"n_estimators": 3, "max_features": 0.5}
    _, made, explainer, _ = explained("BaggingRegressor", params=params)
    assert made.parts == []
    assert not explainer.exact


@pytest.mark.parametrize(
    "kind",
    [
        Category(vocabulary("xyz"), "one-hot"),
        Category(vocabulary("xyz"), "target"),
        Date("2020-01-01"),
    ],
    ids=["words", "means", "days"],
)
@pytest.mark.parametrize("regressor", ["DecisionTreeRegressor", "Ridge"])
def test_a_table_of_one_kind_alone_is_explained(kind: Category | Date, regressor: str) -> None:
    rng = np.random.default_rng(0)
    codes = list(kind.codes.values()) if isinstance(kind, Category) else [101, 5000, 9003]
    features = rng.choice(codes, (200, 2)).astype(float)
    target = rng.random(200) + features[:, 0] % 5
    schema = FeatureSchema(("a", "b"), "p", {}, {"a": kind, "b": kind})
    _, _, explainer, compiled = explained(regressor, features, target, schema)
    assert explainer.exact
    found = explainer.explain(features[:4])
    assert found.prices() == pytest.approx(compiled.score(features[:4]), rel=1e-5)
    assert np.abs(found.contributions[:, 0]).sum() > np.abs(found.contributions[:, 1]).sum()


@pytest.mark.parametrize("wrong", [0, 2])
def test_what_does_not_sum_to_the_price_is_sampled_and_fails_no_training(
    wrong: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts of no row at all, and parts that count twice."""
    if wrong == 0:
        real = trees_of
        monkeypatch.setattr(
            explaining, "trees_of", lambda model: (real(model)[0], real(model)[1] * 0)
        )
    else:
        parts = explaining._parts
        monkeypatch.setattr(
            explaining, "_parts", lambda model, weight, known: parts(model, wrong, known)
        )
    _, made, explainer, compiled = explained("DecisionTreeRegressor", params={"max_depth": 4})
    assert made.parts == []
    assert not explainer.exact
    rows = BOSTON.features[:3]
    assert explainer.explain(rows).prices() == pytest.approx(compiled.score(rows), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("regressor", ["RandomForestRegressor", "HistGradientBoostingRegressor",
                                       "Ridge", "AdaBoostRegressor"])  # fmt: skip
def test_where_the_target_is_a_logarithm_features_are_factors(regressor: str) -> None:
    pipeline, made, explainer, compiled = explained(regressor, scale="log")
    assert made.scale == "log"
    found = explainer.explain(BOSTON.features[:5])
    assert found.scale == "log"
    assert (found.contributions > 0).all()
    product = found.base * found.contributions.prod(axis=1)
    assert product == pytest.approx(compiled.score(BOSTON.features[:5]), rel=1e-5)
    if regressor != "RandomForestRegressor":
        return
    from shap import TreeExplainer

    inner = TreeExplainer(learned_by(pipeline), feature_perturbation="tree_path_dependent")
    values = inner.shap_values(as_served(pipeline[0].transform(BOSTON.features[:5])))
    assert np.abs(np.log(found.contributions) - values).max() < 1e-6
    # The base is the price of the mean logarithm: the geometric mean of what was learned.
    assert found.base == pytest.approx(np.exp(inner.expected_value).item(), rel=1e-6)
