"""Trees are read from a compiled model as they were written, and lead rows to the same leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from housing_cli.config.settings import Model
from housing_cli.learning.export import export_onnx
from housing_cli.learning.fitting import fit_pipeline
from housing_cli.learning.pipeline import build_pipeline
from housing_cli.learning.trees import trees_of
from housing_cli.model.trees import Trees, read_trees

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(300, 4)).astype(np.float32).astype(np.float64)
PRICES = 20 + ROWS[:, 0] * ROWS[:, 1] + RNG.normal(0, 0.1, 300)

FITTED: dict[str, dict[str, Any]] = {
    "RandomForestRegressor": {"n_estimators": 20},
    "ExtraTreesRegressor": {"n_estimators": 5, "bootstrap": True},
    "GradientBoostingRegressor": {"n_estimators": 20},
    "HistGradientBoostingRegressor": {"max_iter": 20},
    "DecisionTreeRegressor": {},
}


def exported(regressor: str, **params: Any) -> tuple[Any, bytes]:
    pipeline = fit_pipeline(build_pipeline(Model(regressor, params), seed=1, jobs=1), ROWS, PRICES)
    return pipeline["regressor"], export_onnx(pipeline, 4)


@pytest.mark.parametrize("regressor", FITTED)
def test_what_is_read_is_what_was_written(regressor: str) -> None:
    model, raw = exported(regressor, **FITTED[regressor])
    (read,) = read_trees(raw).values()
    written, covers = trees_of(model)
    for name in Trees.__slots__:
        assert np.array_equal(getattr(read, name), getattr(written, name)), name
    assert len(covers) == len(read.value)
    assert read.score(ROWS) == pytest.approx(model.predict(ROWS), rel=1e-12)


def test_a_tree_that_never_splits_is_a_leaf() -> None:
    model, raw = exported("HistGradientBoostingRegressor", max_iter=3, min_samples_leaf=200)
    (read,) = read_trees(raw).values()
    assert (read.roots < 0).all()
    assert len(read.feature) == 0
    assert read.score(ROWS) == pytest.approx(model.predict(ROWS))


def test_a_model_of_several_kinds_of_trees_has_each_by_its_result() -> None:
    model, raw = exported(
        "VotingRegressor",
        estimators=["DecisionTreeRegressor", "HistGradientBoostingRegressor"],
    )
    read = read_trees(raw)
    assert len(read) == 2
    both = sum(trees.score(ROWS) for trees in read.values()) / 2
    assert both == pytest.approx(model.predict(ROWS))


def test_a_linear_model_has_no_trees() -> None:
    assert read_trees(exported("Ridge")[1]) == {}


def changed(**attributes: Any) -> bytes:
    """Return a model whose trees have other attributes."""
    model = onnx.load_from_string(exported("DecisionTreeRegressor")[1])
    (node,) = (node for node in model.graph.node if node.op_type == "TreeEnsemble")
    for attribute in list(node.attribute):
        if attribute.name in attributes:
            node.attribute.remove(attribute)
    node.attribute.extend(onnx.helper.make_attribute(k, v) for k, v in attributes.items())
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    "attributes",
    [{"tree_roots": [9999]}, {"aggregate_function": 0}, {"n_targets": 2}],
    ids=["root", "mean", "targets"],
)
def test_trees_of_another_meaning_are_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not there|not summed"):
        read_trees(changed(**attributes))
