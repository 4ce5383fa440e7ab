"""The second model knows where errors are large, and is none where it could not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from housing_cli.config.settings import Model
from housing_cli.learning.pipeline import build_pipeline
from housing_cli.learning.spread import MIN_ROWS, fit_spread

FITTED = build_pipeline(Model("Ridge", {}), seed=0, jobs=1).fit(np.zeros((9, 2)), np.ones(9))


def errors(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (n, 2), target and out-of-fold prices (1, n): the second tells the spread."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 1, (n, 2))
    prices = rng.uniform(10, 40, n)
    return features, prices + rng.normal(0, 1 + 4 * (features[:, 1] > 0.8)), prices[None]


def test_spreads_are_large_where_errors_are_and_one_in_the_mean() -> None:
    features, target, prices = errors(2000)
    spread = fit_spread(FITTED, features, target, prices, 0)
    assert spread is not None
    large = features[:, 1] > 0.8
    ratio = spread.out_of_fold[large].mean() / spread.out_of_fold[~large].mean()
    assert 4 < ratio < 6
    assert spread.out_of_fold.mean() == pytest.approx(1.0, abs=0.05)
    unseen = spread.model.predict(np.array([[0.5, 0.9], [0.5, 0.4]]))
    assert unseen[0] > 3 * unseen[1] > 0


def test_a_rows_own_error_is_not_in_its_out_of_fold_spread() -> None:
    features, target, prices = errors(400)
    spread = fit_spread(FITTED, features, target, prices, 0)
    moved = target.copy()
    moved[7] += 1000.0
    other = fit_spread(FITTED, features, moved, prices, 0)
    assert spread is not None and other is not None
    # All errors are counted in the mean one, which this one has made larger.
    mean, moved_mean = np.abs(target - prices).mean(), np.abs(moved - prices).mean()
    assert other.out_of_fold[7] * moved_mean == pytest.approx(spread.out_of_fold[7] * mean, rel=0.5)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_rows_give_the_same_spread(seed: int) -> None:
    one, other = (fit_spread(FITTED, *errors(300), seed) for _ in range(2))
    assert one is not None and other is not None
    assert one.out_of_fold.tolist() == other.out_of_fold.tolist()


def test_few_rows_and_perfect_prices_have_no_spread() -> None:
    assert fit_spread(FITTED, *errors(MIN_ROWS - 1), 0) is None
    features, target, _ = errors(400)
    assert fit_spread(FITTED, features, target, target[None], 0) is None


def test_missing_features_are_imputed_as_the_pipeline_does() -> None:
    features, target, prices = errors(400)
    pipeline: Pipeline = build_pipeline(Model("Ridge", {}), seed=0, jobs=1)
    features[::5, 1] = np.nan
    spread = fit_spread(pipeline.fit(features, target), features, target, prices, 0)
    assert spread is not None and np.isfinite(spread.out_of_fold).all()
