"""Fit a pipeline, and measure it on rows that it has not seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import ThreadpoolController

from housing_cli.config import Model, Settings
from housing_cli.config.cores import available_cores
from housing_cli.data.copies import groups_of
from housing_cli.errors import DataError, ModelError
from housing_cli.learning import lightgbm
from housing_cli.learning.folds import splits
from housing_cli.learning.pipeline import build_pipeline, learned_by, learns_logarithms
from housing_cli.words import are, counted

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Progress = Callable[[str, int, int], None]
"""Called with what is counted (`folds`, `trees`), how many are done, and of how many."""


def silent(what: str, done: int, total: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What a cross-validation saw.

    prices: (repeats, n), of each row by a model that did not learn from it. importances: (k,), by
    how much the RMSE grows when a feature's values are shuffled among the held-out rows
    (permutation importance, Breiman 2001), in the target's unit; of the first repeat.
    """

    prices: Floats
    importances: Floats


def fit(settings: Settings, features: Floats, target: Floats) -> Pipeline:
    """Return the pipeline fitted to all rows."""
    seed, jobs = settings.train.seed, settings.train.jobs
    pipeline = build_pipeline(settings.model, seed=seed, jobs=jobs, schema=settings.schema())
    return fit_pipeline(pipeline, features, target)


def fit_pipeline(pipeline: Pipeline, features: Floats, target: Floats) -> Pipeline:
    """Fit `pipeline` and return it.

    Raises `ModelError` for parameter values that cannot be, and `DataError` for prices without a
    logarithm where that is learned.
    """
    if learns_logarithms(pipeline) and (low := int((target <= 0).sum())):
        raise DataError(
            f"{counted(low, 'price')} {are(low)} not above 0, and {'has' if low == 1 else 'have'} "
            "no logarithm",
            'leave these rows out, or set `model.target = "price"`',
        )
    refusals: tuple[type[Exception], ...] = (ValueError, TypeError, *lightgbm.refusals())
    try:
        with one_thread():
            return pipeline.fit(features, target)
    except refusals as error:
        # scikit-learn checks parameter values when it fits. LightGBM adds where in its source.
        reason = str(error).splitlines()[0].partition(" at /")[0]
        raise ModelError(
            f"the regressor cannot be fitted: {reason}", "check `model.params` in the settings"
        ) from error


def predict(pipeline: Pipeline, features: Floats) -> Floats:
    """Return the prices of a fitted pipeline, (n,), the same to the last bit each time.

    On several threads a forest adds up its trees in the order in which these end, and a last bit
    decides a tie between two splits of the next model.
    """
    regressor = learned_by(pipeline)
    for one in (regressor, *getattr(regressor, "estimators_", ())):
        if hasattr(one, "n_jobs"):
            one.n_jobs = 1
    with one_thread():
        prices: Floats = pipeline.predict(features)
    return prices


def outer_splits(settings: Settings, groups: Rows) -> list[tuple[int, Rows, Rows]]:
    """Return repeat, kept and held rows of every fold that the baseline is measured on.

    groups: (n,), which rows stay together.
    """
    n = len(groups)
    folds, repeats, seed = settings.train.folds, settings.train.repeats, settings.train.seed
    if n < 2 * folds:
        raise DataError(
            f"{counted(n, 'row')} {are(n)} too few for {folds}-fold cross-validation",
            f"give at least {2 * folds} rows, or set `train.folds` lower",
        )
    return [
        (repeat, kept, held)
        for repeat in range(repeats)
        for kept, held in splits(groups, folds, seed + repeat)
    ]


def measure(
    settings: Settings,
    features: Floats,
    target: Floats,
    progress: Progress = silent,
    models: Sequence[Model] | None = None,
) -> OutOfFold:
    """Return what a repeated, shuffled K-fold cross-validation sees.

    One shuffle's RMSE swings by several percent, so the baseline is the mean over `repeats`.
    models: what is fitted in each of `outer_splits`, where it is not the configured model.
    """
    seed, n = settings.train.seed, len(target)
    parts = outer_splits(settings, groups_of(features, target))
    models = models or [settings.model] * len(parts)
    # The folds run side by side, one thread each: that scales better than threads inside a forest.
    pipelines = [
        build_pipeline(model, seed=seed, jobs=1, schema=settings.schema()) for model in models
    ]

    @one_thread()
    def fold(
        pipeline: Pipeline, repeat: int, kept: Rows, held: Rows
    ) -> tuple[int, Rows, Floats, Floats | None]:
        fitted = fit_pipeline(clone(pipeline), features[kept], target[kept])
        predicted = fitted.predict(features[held])
        if repeat:
            return repeat, held, predicted, None
        shuffled = _shuffled(features[held], seed)
        worse = fitted.predict(shuffled.reshape(-1, features.shape[1])).reshape(-1, len(held))
        return repeat, held, predicted, ((worse - target[held]) ** 2).sum(axis=1)

    prices, squares = np.empty((settings.train.repeats, n)), np.zeros(features.shape[1])
    trees = settings.model.params.get("n_estimators")
    progress("folds", 0, len(parts))
    results = side_by_side(
        settings,
        (
            joblib.delayed(fold)(pipeline, *split)
            for pipeline, split in zip(pipelines, parts, strict=True)
        ),
    )
    with threads_warn_in_vain():
        for done, (repeat, held, predicted, worse) in enumerate(results, start=1):
            prices[repeat, held] = predicted
            if worse is not None:
                squares += worse
            progress("folds", done, len(parts))
            if isinstance(trees, int):  # anything else scikit-learn refuses by itself
                progress("trees", done * trees, len(parts) * trees)
    usual = np.sqrt(((prices[0] - target) ** 2).mean())
    return OutOfFold(prices, np.sqrt(squares / n) - usual)


def _shuffled(rows: Floats, seed: int) -> Floats:
    """Return (k, n, k): for each feature the rows with that feature's values shuffled.

    All copies are predicted in one call. `sklearn.inspection.permutation_importance` gives the same
    figures up to the shuffle, but calls once a feature: 2.2 s instead of 0.2 on the shipped data,
    where all of the cross-validation takes 8.4.
    """
    count, width = rows.shape
    order = np.random.default_rng(seed).permutation(count)
    copies = np.repeat(rows[None], width, axis=0)
    for feature in range(width):
        copies[feature, :, feature] = rows[order, feature]
    return copies


def side_by_side(settings: Settings, tasks: Iterable[Any]) -> Iterator[Any]:
    """Yield what the tasks (`joblib.delayed`) return, as it comes, on `train.jobs` threads."""
    jobs = available_cores() if settings.train.jobs in {-1, 0} else settings.train.jobs
    run = joblib.Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")
    results: Iterator[Any] = run(tasks)
    return results


@cache
def _thread_pools(_loaded: int) -> ThreadpoolController:
    """Return the thread pools there are. _loaded: grows when LightGBM brings one of its own."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within this context, or a function decorated by it, OpenMP has one thread; here alone.

    Histogram boosting has one for each core, which wait for each other without letting go of it:
    beside other folds, or other programs, 2 s of fitting became 65 on a busy machine.
    """
    with _thread_pools(len(lightgbm.loaded())).limit(limits=1, user_api="openmp"):
        yield


@contextmanager
def threads_warn_in_vain() -> Iterator[None]:
    """Keep scikit-learn's complaint about lost settings quiet, and the warning filters whole.

    Each of its parallel tasks resets the process-wide warning filters for a moment; another thread
    that copies them just then sees none, and every tree warns from then on.
    """
    filters, show = list(warnings.filters), warnings.showwarning

    def show_others(message: Warning | str, *args: object, **kwargs: object) -> None:
        if "sklearn.utils.parallel.delayed" not in str(message):
            show(message, *args, **kwargs)  # type: ignore[arg-type]

    warnings.showwarning = show_others
    try:
        yield
    finally:
        warnings.showwarning = show
        warnings.filters[:] = filters  # type: ignore[index]
