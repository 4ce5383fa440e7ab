"""The trees of fitted models are theirs: the same leaves, learned from as many rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor

from housing_cli.learning.fitting import one_thread
from housing_cli.learning.trees import trees_of
from tests.model.test_trees import PRICES, ROWS


def test_rows_come_to_the_leaves_that_scikit_learn_leads_them_to() -> None:
    forest = RandomForestRegressor(10, random_state=1).fit(ROWS, PRICES)
    trees, covers = trees_of(forest)
    leaves = trees.leaves(ROWS)
    for tree, (ours, theirs) in enumerate(zip(leaves.T, forest.apply(ROWS).T, strict=True)):
        assert len(np.unique(np.stack([ours, theirs]), axis=1).T) == len(np.unique(theirs)), tree
        counts = forest.estimators_[tree].tree_.weighted_n_node_samples[theirs]
        assert covers[ours].tolist() == counts.tolist()


def test_histogram_boosting_counts_its_rows_where_they_are_read() -> None:
    """What `pyproject.toml` bounds the version of scikit-learn for."""
    with one_thread():
        model = HistGradientBoostingRegressor(max_iter=2).fit(ROWS, PRICES)
    assert all("count" in tree.nodes.dtype.names for (tree,) in model._predictors)
    _, covers = trees_of(model)
    assert covers.sum() == 2 * len(ROWS)


def test_leaves_hold_what_their_rows_add_to_the_price() -> None:
    forest = RandomForestRegressor(10, random_state=1).fit(ROWS, PRICES)
    trees, covers = trees_of(forest)
    assert trees.score(ROWS) == pytest.approx(forest.predict(ROWS), rel=1e-12)
    assert covers.sum() == 10 * len(ROWS)  # a row that was drawn twice counts twice
