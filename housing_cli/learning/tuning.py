"""Search for better parameters of the regressor, and measure the search itself.

`tune` runs one search on all rows, which the final model takes its parameters from, and one on the
training part of each fold that the baseline is measured on, which therefore prices rows that
neither its model nor its search has seen (nested cross-validation, Varma and Simon 2006). All of
them try their first candidate, then all their second, and so on: whenever the search is stopped,
the baseline measures a search of as many trials as the final model had.

N trials cost (N + 1) * `INNER_FOLDS` * (`train.folds` * `train.repeats` + 1) fits; forests are
tried with at most `TRIAL_TREES` trees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import joblib
import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from housing_cli import __version__
from housing_cli.config import Model, Settings
from housing_cli.errors import ConfigError, DataError
from housing_cli.learning.fitting import (
    Progress,
    fit_pipeline,
    outer_splits,
    side_by_side,
    silent,
    threads_warn_in_vain,
)
from housing_cli.learning.pipeline import build_pipeline

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
StopKey = Callable[[], AbstractContextManager[Callable[[], bool]]]
"""Listens while its `with` block lasts; what it gives says whether to stop."""

INNER_FOLDS = 3
TRIAL_TREES = 100

# A whole number is (int, low, high), a number (float, low, high); `log` is for orders of magnitude.
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
    },
    "HistGradientBoostingRegressor": {
        "max_iter": (int, 50, 500, "log"),
        "learning_rate": (float, 0.02, 0.3, "log"),
        "max_leaf_nodes": (int, 4, 63, "log"),
        "min_samples_leaf": (int, 2, 40, "log"),
        "l2_regularization": (float, 1e-3, 1e2, "log"),
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


def no_stop_key() -> AbstractContextManager[Callable[[], bool]]:
    """Never stop."""
    return nullcontext(lambda: False)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The model to fit to all rows, the model for each of `outer_splits`, and what was tried."""

    model: Model
    outer: Sequence[Model]
    evidence: dict[str, object]


@dataclass(slots=True)
class _Search:
    """One search: the rows it may see, and its trials so far, the settings' own first."""

    rows: Rows
    study: Study
    tried: list[dict[str, Any]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def best(self) -> dict[str, Any]:
        """Return the parameters of the lowest score, none for the settings' own."""
        return self.tried[int(np.argmin(self.scores))] if self.scores else {}


def tune(
    settings: Settings,
    features: Floats,
    target: Floats,
    progress: Progress = silent,
    stop_key: StopKey = no_stop_key,
) -> Tuned:
    """Search with `train.tune` trials; the settings' own parameters are tried before them.

    The candidates come from Optuna's tree-structured Parzen estimator (Bergstra et al. 2011),
    seeded with `train.seed`; the score is the RMSE of a cross-validation within the search's rows.
    """
    n, trials, model = len(target), settings.train.tune, settings.model
    build_pipeline(model, seed=0, jobs=1)  # a wrong name or parameter is said before anything runs
    space = _space(model)
    parts = [np.arange(n), *(kept for _, kept, _ in outer_splits(settings, n))]
    if min(map(len, parts)) < 2 * INNER_FOLDS:
        raise DataError(f"{n} rows are too few to tune on", "train without `--tune`")
    searches = [_Search(rows, _study(settings)) for rows in parts]
    stopped = False
    with stop_key() as stop:
        for trial in range(trials + 1):
            asked = [search.study.ask(space) for search in searches] if trial else []
            candidates = [asking.params for asking in asked] or [{} for _ in searches]
            scores = _round(settings, searches, candidates, (features, target), stop)
            if scores is None:
                stopped = True
                break
            for k, (search, score) in enumerate(zip(searches, scores, strict=True)):
                search.tried.append(candidates[k])
                search.scores.append(score)
                if asked:
                    search.study.tell(asked[k], score)
            progress("trials", trial, trials)
    final = searches[0]
    evidence: dict[str, object] = {
        "optimizer": "optuna TPE",
        "trials": max(len(final.scores) - 1, 0),
        "asked": trials,
        "stopped": stopped,
        "seed": settings.train.seed,
        "params": final.best(),
        "metric": "rmse",
        "folds": INNER_FOLDS,
        "untuned": final.scores[0] if final.scores else None,
        "score": min(final.scores, default=None),
        "scores": [round(score, 6) for score in final.scores[1:]],
        "nested_in": len(parts) - 1,
    }
    chosen = [with_params(model, search.best()) for search in searches]
    return Tuned(chosen[0], chosen[1:], evidence)


def with_params(model: Model, params: Mapping[str, Any]) -> Model:
    """Return `model` with `params` in place of its own."""
    return msgspec.structs.replace(model, params={**model.params, **params})


def inherited(
    settings: Settings, name: str, regressor: str, evidence: Mapping[str, Any]
) -> tuple[Settings, dict[str, object]]:
    """Return what a challenger of the champion `name` is made with, and its evidence.

    A tuned champion hands its tuned parameters down, so that it is not challenged by a model that
    is worse for want of tuning; where the settings name another regressor, they stand.
    """
    tuning = evidence.get("tuning") or {}
    if not tuning.get("params") or regressor != settings.model.regressor:
        return settings, {}
    model = with_params(settings.model, tuning["params"])
    kept = {"inherited_from": name, **tuning}
    return msgspec.structs.replace(settings, model=model), {"tuning": kept}


def _space(model: Model) -> dict[str, BaseDistribution]:
    if model.regressor not in SPACES:
        raise ConfigError(
            f"{model.regressor} has nothing to tune",
            f"train without `--tune`, or use one of {', '.join(sorted(SPACES))}",
        )
    try:
        from optuna.distributions import FloatDistribution, IntDistribution
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "optuna":
            raise
        raise ConfigError(
            "`--tune` needs Optuna, which is not installed",
            "pip install '.[tune]' in the clone, or "
            f"'housing_loop-{__version__}-py3-none-any.whl[tune]'",
        ) from None
    kinds = {int: IntDistribution, float: FloatDistribution}
    return {
        name: kinds[kind](low, high, log=bool(log))
        for name, (kind, low, high, *log) in SPACES[model.regressor].items()
    }


def _study(settings: Settings) -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=settings.train.seed)
    return optuna.create_study(sampler=sampler, direction="minimize")


def _round(
    settings: Settings,
    searches: Sequence[_Search],
    candidates: Sequence[Mapping[str, Any]],
    table: tuple[Floats, Floats],
    stop: Callable[[], bool],
) -> list[float] | None:
    """Return the RMSE of each search's candidate, `None` where the search was stopped meanwhile."""
    features, target = table

    def fold(k: int, pipeline: Pipeline, kept: Rows, held: Rows) -> tuple[int, float]:
        if stop():
            return k, np.nan
        fitted = fit_pipeline(clone(pipeline), features[kept], target[kept])
        return k, float(((fitted.predict(features[held]) - target[held]) ** 2).sum())

    seed = settings.train.seed
    folds = KFold(INNER_FOLDS, shuffle=True, random_state=seed)
    tasks = []
    for k, (search, params) in enumerate(zip(searches, candidates, strict=True)):
        model = _for_trial(with_params(settings.model, params))
        pipeline = build_pipeline(model, seed=seed, jobs=1)
        for kept, held in folds.split(search.rows):
            rows = search.rows
            tasks.append(joblib.delayed(fold)(k, pipeline, rows[kept], rows[held]))
    squares: list[list[float]] = [[] for _ in searches]
    with threads_warn_in_vain():
        for k, square in side_by_side(settings, tasks):
            squares[k].append(square)
    # Sorted: a sum depends on the order, and the threads are not always done in the same one.
    rmse = [float(np.sqrt(sum(sorted(s)) / len(searches[k].rows))) for k, s in enumerate(squares)]
    return None if np.isnan(rmse).any() else rmse


def _for_trial(model: Model) -> Model:
    """Return `model` with fewer trees where more only cost time: in forests."""
    if SPACES[model.regressor] is not _FOREST:
        return model
    trees = model.params.get("n_estimators", TRIAL_TREES)
    fewer = min(trees, TRIAL_TREES) if isinstance(trees, int) else trees
    return with_params(model, {"n_estimators": fewer})
