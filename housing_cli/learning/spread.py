"""The spread: how large the error of a row usually is, by a second, small model of the features.

Boosted trees on the absolute out-of-fold residuals, with the deviance of the gamma distribution:
their sum is the logarithm of a mean, so that no spread is negative, and one far error does not pull
at it as it does at squares. They read what the first step of the pipeline gives, so that the
compiled graph imputes and encodes once. `tests/benchmarks/bench_feature_coverage.py` measures what
they are good for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from housing_cli.learning.pipeline import as_served

Floats = NDArray[np.float64]

MIN_ROWS = 200
"""With fewer rows the spread is noise."""
FOLDS = 5
LEAST = 0.05
"""Of the mean error: what smaller ones count as, a copy of a learned row for one."""


@dataclass(frozen=True, slots=True)
class Spread:
    """model: fitted to imputed features (n, k), predicts spreads. out_of_fold: (n,), by folds."""

    model: HistGradientBoostingRegressor
    out_of_fold: Floats


def fit_spread(
    pipeline: Pipeline, features: Floats, target: Floats, out_of_fold: Floats, seed: int
) -> Spread | None:
    """Return the spread of n rows, `None` where they are too few or have no errors.

    pipeline: fitted. out_of_fold: prices (repeats, n). 1 is the mean absolute residual.
    """
    errors = np.abs(target - out_of_fold).mean(axis=0)
    usual = float(errors.mean())
    if len(target) < MIN_ROWS or not usual > 0:
        return None
    sizes = np.maximum(errors / usual, LEAST)
    rows = as_served(pipeline[0].transform(features))
    spreads = np.empty(len(target))
    for kept, held in KFold(FOLDS, shuffle=True, random_state=seed).split(rows):
        spreads[held] = _model(seed).fit(rows[kept], sizes[kept]).predict(rows[held])
    return Spread(_model(seed).fit(rows, sizes), spreads)


def _model(seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss="gamma",
        max_iter=30,  # small ones: each request pays for them
        learning_rate=0.15,
        max_leaf_nodes=4,
        min_samples_leaf=20,
        early_stopping=False,
        random_state=seed,
    )
