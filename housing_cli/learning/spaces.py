"""What the search for a better model may try: regressors, their parameters, and where to begin.

A whole number is (int, low, high), a number (float, low, high); `log` is for orders of magnitude.

`STARTS` are tried first: what did well on the shipped data and on a synthetic table of the shape of
California housing (`tests/benchmarks/bench_tune.py`). A search of a minute finds little beyond
them, and one that had to find them would take an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from housing_cli.config import Model
from housing_cli.errors import ConfigError
from housing_cli.learning.pipeline import BLENDS
from housing_cli.words import install_hint

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

VOTE: Final = "VotingRegressor"

_FOREST = {
    "max_features": (float, 0.15, 1.0),
    "min_samples_leaf": (int, 1, 8, "log"),
    "max_depth": (int, 6, 32, "log"),
}
_SHRINKAGE = (float, 1e-3, 1e3, "log")
SPACES: dict[str, dict[str, tuple[Any, ...]]] = {
    "RandomForestRegressor": _FOREST,
    "ExtraTreesRegressor": _FOREST,
    "GradientBoostingRegressor": {
        "n_estimators": (int, 50, 500, "log"),
        "learning_rate": (float, 0.02, 0.3, "log"),
        "max_depth": (int, 2, 6),
        "min_samples_leaf": (int, 1, 20, "log"),
        "subsample": (float, 0.5, 1.0),
        "max_features": (float, 0.2, 1.0),
    },
    "HistGradientBoostingRegressor": {
        "max_iter": (int, 50, 500, "log"),
        "learning_rate": (float, 0.02, 0.3, "log"),
        "max_leaf_nodes": (int, 4, 63, "log"),
        "min_samples_leaf": (int, 2, 40, "log"),
        "l2_regularization": (float, 1e-3, 1e2, "log"),
        "max_features": (float, 0.2, 1.0),
    },
    "LGBMRegressor": {
        "n_estimators": (int, 50, 500, "log"),
        "learning_rate": (float, 0.02, 0.3, "log"),
        "num_leaves": (int, 4, 63, "log"),
        "min_child_samples": (int, 2, 40, "log"),
        "reg_lambda": (float, 1e-3, 1e2, "log"),
        "colsample_bytree": (float, 0.2, 1.0),
    },
    "AdaBoostRegressor": {
        "n_estimators": (int, 25, 200, "log"),
        "learning_rate": (float, 0.03, 2.0, "log"),
    },
    "BaggingRegressor": {"max_samples": (float, 0.5, 1.0), "max_features": (float, 0.3, 1.0)},
    "DecisionTreeRegressor": {
        "max_depth": (int, 2, 32, "log"),
        "min_samples_leaf": (int, 1, 32, "log"),
    },
    "Ridge": {"alpha": _SHRINKAGE},
    "Lasso": {"alpha": _SHRINKAGE},
    "ElasticNet": {"alpha": _SHRINKAGE, "l1_ratio": (float, 0.05, 1.0)},
}
FORESTS: Final = tuple(name for name, space in SPACES.items() if space is _FOREST)


def _forest(max_features: float) -> dict[str, Any]:
    return {"max_features": max_features, "min_samples_leaf": 1, "max_depth": 32}


def _boosted(depth: int, leaf: int, rate: float, columns: float) -> dict[str, Any]:
    return {
        "n_estimators": 300,
        "learning_rate": rate,
        "max_depth": depth,
        "min_samples_leaf": leaf,
        "subsample": 0.6,
        "max_features": columns,
    }


def _histogram(leaves: int, leaf: int, rounds: int) -> dict[str, Any]:
    return {
        "max_iter": rounds,
        "learning_rate": 0.06,
        "max_leaf_nodes": leaves,
        "min_samples_leaf": leaf,
        "l2_regularization": 1.0,
        "max_features": 0.5,
    }


def _light(leaves: int, leaf: int, rounds: int) -> dict[str, Any]:
    return {
        "n_estimators": rounds,
        "learning_rate": 0.06,
        "num_leaves": leaves,
        "min_child_samples": leaf,
        "reg_lambda": 1.0,
        "colsample_bytree": 0.5,
    }


STARTS: dict[str, list[dict[str, Any]]] = {
    "RandomForestRegressor": [_forest(0.4), _forest(0.25)],
    "ExtraTreesRegressor": [_forest(0.5), _forest(0.35)],
    "GradientBoostingRegressor": [_boosted(4, 3, 0.06, 0.4), _boosted(4, 3, 0.06, 1.0)],
    "HistGradientBoostingRegressor": [_histogram(15, 10, 300), _histogram(8, 5, 200)],
    "LGBMRegressor": [_light(15, 10, 300), _light(8, 5, 200)],
}

_SLOW: Final = ("GradientBoostingRegressor",)
_FAST: Final = "HistGradientBoostingRegressor"
FEW_ENOUGH: Final = 10_000
"""Up to so many rows exact gradient boosting is worth its time; beyond, histograms are as good."""

MOST_TREES: Final = 300
FEWEST_TREES: Final = 100
TREE_ROWS: Final = 2_000_000
"""Trees times rows of a forest that the search chooses: what it weighs in memory and on disk."""


def basis(regressor: str, model: Model, n: int) -> Model:
    """Return what the search varies for n rows: the settings' own `model`, or another regressor."""
    if regressor == model.regressor:
        return model
    params: dict[str, Any] = {}
    if regressor in FORESTS:
        params["n_estimators"] = max(FEWEST_TREES, min(MOST_TREES, TREE_ROWS // n))
    if regressor == "HistGradientBoostingRegressor":
        params["early_stopping"] = False  # `max_iter` is searched; above 10,000 rows it would stop
    return Model(regressor, params, model.imputer)


def searched(model: Model, among: Sequence[str], n: int) -> list[str]:
    """Return the regressors whose parameters are searched for n rows, the one of `model` first.

    Where it is none of `among`, it was chosen on purpose: its parameters alone are searched.
    Raises `ConfigError` where there is nothing to tune.
    """
    for name in among:
        if name not in SPACES and name != VOTE:
            raise ConfigError(
                f"`train.tune_regressors` names `{name}`, which has nothing to tune",
                f"use some of {', '.join(sorted([*SPACES, VOTE]))}",
            )
    own = model.regressor
    left_out = {own, *BLENDS, *(_SLOW if n > FEW_ENOUGH and _FAST in among else ())}
    others = [name for name in among if name not in left_out] if own in among else []
    if own in SPACES or others:
        return [own, *others] if own in SPACES else others
    raise ConfigError(
        f"{own} has nothing to tune",
        f"train without `--tune`, or use one of {', '.join(sorted(SPACES))}",
    )


def space_of(regressor: str) -> dict[str, BaseDistribution]:
    """Return what Optuna may draw for `regressor`, one of `SPACES`."""
    try:
        from optuna.distributions import FloatDistribution, IntDistribution
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "optuna":
            raise
        raise ConfigError(
            "`--tune` needs Optuna, which is not installed",
            install_hint("tune"),
        ) from None
    kinds = {int: IntDistribution, float: FloatDistribution}
    return {
        name: kinds[kind](low, high, log=bool(log))
        for name, (kind, low, high, *log) in SPACES[regressor].items()
    }
