"""The trees of fitted regressors, in the arrays of `model/trees.py`, with their training counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeRegressor

from housing_cli.learning import lightgbm
from housing_cli.model.trees import Trees

TREES = (
    RandomForestRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    DecisionTreeRegressor,  # also those of AdaBoost and bagging
)


def tree_kinds() -> tuple[type[Any], ...]:
    """Return the regressors that are trees: `TREES`, and LightGBM's where that is loaded."""
    return (*TREES, *lightgbm.loaded())


def trees_of(model: Any) -> tuple[Trees, NDArray[np.int64]]:
    """Return the trees of a fitted model of `tree_kinds`, and how many rows each leaf learned from.

    A row that a bootstrap drew twice counts twice.
    """
    if isinstance(model, lightgbm.loaded()):
        counts, nodes = lightgbm.nodes_of(model)
        return _numbered(counts, **nodes)
    if isinstance(model, HistGradientBoostingRegressor):
        return _histogram_trees(model)
    rate, shares, base = 1.0, 1, 0.0
    if isinstance(model, DecisionTreeRegressor):
        trees = [model.tree_]
    elif isinstance(model, GradientBoostingRegressor):
        trees = [estimator.tree_ for estimator in model.estimators_[:, 0]]
        rate = model.learning_rate
        base = 0.0 if model.init == "zero" else float(model.init_.constant_[0, 0])
    else:
        trees = [estimator.tree_ for estimator in model.estimators_]
        shares = len(trees)
    left, right, feature, threshold, covers = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in (
            "children_left", "children_right", "feature", "threshold", "weighted_n_node_samples",
        )
    )  # fmt: skip
    values = np.concatenate([tree.value[:, 0, 0] for tree in trees]) * rate / shares
    counts = np.array([tree.node_count for tree in trees])
    values[: counts[0]] += base  # each row comes to one leaf of the first tree
    return _numbered(counts, left == -1, left, right, feature, threshold, values, covers)


def _histogram_trees(model: Any) -> tuple[Trees, NDArray[np.int64]]:
    """Return the trees of histogram boosting, which scikit-learn shows in private attributes alone.

    Its version is bounded above for them. Missing values are imputed before, so that where they go
    does not matter.
    """
    trees = [predictor.nodes for (predictor,) in model._predictors]
    nodes = np.concatenate(trees)
    counts = np.array([len(tree) for tree in trees])
    values = nodes["value"].copy()
    values[: counts[0]] += float(model._baseline_prediction.item())
    left, right, feature = (nodes[k].astype(np.int64) for k in ("left", "right", "feature_idx"))
    is_leaf = nodes["is_leaf"].astype(bool)
    return _numbered(
        counts, is_leaf, left, right, feature, nodes["num_threshold"], values, nodes["count"]
    )


def _numbered(
    counts: NDArray[np.int64],
    is_leaf: NDArray[np.bool_],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    feature: NDArray[np.int64],
    threshold: NDArray[np.float64],
    value: NDArray[np.float64],
    cover: NDArray[Any],
) -> tuple[Trees, NDArray[np.int64]]:
    """Return trees whose nodes lie one tree after the other; `counts` says how many each has.

    A branch names a node of its own tree. Inner nodes and leaves of all trees are numbered in two
    sequences of their own.
    """
    first = np.cumsum(counts) - counts
    names = np.where(is_leaf, ~(np.cumsum(is_leaf) - 1), np.cumsum(~is_leaf) - 1)
    inner = np.flatnonzero(~is_leaf)
    offset = np.repeat(first, counts)[inner]
    trees = Trees(
        names[first],
        feature[inner].astype(np.int64),
        threshold[inner].astype(np.float64),
        names[left[inner] + offset],
        names[right[inner] + offset],
        value[is_leaf],
    )
    return trees, np.rint(cover[is_leaf]).astype(np.int64)
