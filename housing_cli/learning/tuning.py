"""Search for a better regressor and better parameters, and measure the search itself.

`tune` runs one search on all rows, which the final model is taken from, and one on the training
part of each fold that the baseline is measured on, which therefore prices rows that neither its
model nor its search has seen (nested cross-validation, Varma and Simon 2006). All of them try their
first candidate, then all their second, and so on: whenever the search is stopped, the baseline
measures a search of as many trials as the final model had.

A candidate that is far behind after some of the inner folds is not fitted on the others (racing,
Maron and Moore 1994): N trials cost at most
(N + 1) * `INNER_FOLDS` * (`train.folds` * `train.repeats` + 1) fits of at most `MOST_ROWS` rows.
Forests are tried with at most `TRIAL_TREES` trees.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import joblib
import msgspec
import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Model, Settings
from housing_cli.data.copies import groups_of
from housing_cli.errors import DataError
from housing_cli.learning.candidates import Choice, best_scores
from housing_cli.learning.fitting import (
    Progress,
    fit_pipeline,
    one_thread,
    outer_splits,
    side_by_side,
    silent,
    threads_warn_in_vain,
)
from housing_cli.learning.pipeline import build_pipeline
from housing_cli.learning.search import INNER_FOLDS, Asked, Search, begin, with_params
from housing_cli.learning.spaces import FORESTS, searched, space_of

Floats = NDArray[np.float64]
StopKey = Callable[[], AbstractContextManager[Callable[[], bool]]]
"""Listens while its `with` block lasts; what it gives says whether to stop."""

TRIAL_TREES: Final = 100


def no_stop_key() -> AbstractContextManager[Callable[[], bool]]:
    """Never stop."""
    return nullcontext(lambda: False)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The model to fit to all rows, the model for each of `outer_splits`, and what was tried."""

    model: Model
    outer: Sequence[Model]
    evidence: dict[str, object]


def tune(
    settings: Settings,
    features: Floats,
    target: Floats,
    progress: Progress = silent,
    stop_key: StopKey = no_stop_key,
) -> Tuned:
    """Search with `train.tune` trials; the settings' own model is tried before them.

    Candidates beyond the first of each regressor come from Optuna's tree-structured Parzen
    estimator (Bergstra et al. 2011), seeded with `train.seed`; the score is the RMSE of a
    cross-validation within the search's rows. Raises `ConfigError` and `ModelError` for settings
    that nothing can be searched with, `DataError` for too few rows.
    """
    n, trials = len(target), settings.train.tune
    build_pipeline(settings.model, seed=0, jobs=1)  # a wrong name is said before anything runs
    names = searched(settings.model, settings.train.tune_regressors, n)
    spaces = {name: space_of(name) for name in names}
    groups = groups_of(features, target)
    parts = [np.arange(n), *(kept for _, kept, _ in outer_splits(settings, groups))]
    if min(map(len, parts)) < 2 * INNER_FOLDS:
        raise DataError(f"{n} rows are too few to tune on", "train without `--tune`")
    searches = [begin(settings, spaces, rows, target, groups) for rows in parts]
    stopped = False
    with stop_key() as pressed:
        stop = _or_late(pressed, settings.train.tune_minutes)
        for trial in range(trials + 1):
            if not _round(settings, searches, features, target, stop):
                stopped = True
                break
            progress("trials", trial, trials)
    choices = [search.best() for search in searches]
    evidence = _evidence(settings, searches[0], choices) | {"stopped": stopped}
    return Tuned(choices[0].model, [choice.model for choice in choices[1:]], evidence)


def inherited(
    settings: Settings, name: str, regressor: str, evidence: Mapping[str, Any]
) -> tuple[Settings, dict[str, object]]:
    """Return what a challenger of the champion `name` is made with, and its evidence.

    A tuned champion hands its regressor and parameters down, so that it is not challenged by a
    model that is worse for want of tuning; where the settings name another regressor than they did
    when it was tuned, they stand.
    """
    tuning, model = evidence.get("tuning") or {}, settings.model
    params = tuning.get("params")
    if not params or model.regressor not in (regressor, tuning.get("settings_regressor")):
        return settings, {}
    # Of another regressor, and of a vote's other members, all parameters are there.
    if regressor != model.regressor or "estimators" in params:
        model = msgspec.structs.replace(model, regressor=regressor, params={})
    model = with_params(model, params)
    kept = {"inherited_from": name, **tuning}
    return msgspec.structs.replace(settings, model=model), {"tuning": kept}


def _or_late(pressed: Callable[[], bool], minutes: float | None) -> Callable[[], bool]:
    """Return what says whether to stop: because someone wants it, or because time is up."""
    if minutes is None:
        return pressed
    end = time.monotonic() + minutes * 60
    return lambda: pressed() or time.monotonic() >= end


def _round(
    settings: Settings,
    searches: Sequence[Search],
    features: Floats,
    target: Floats,
    stop: Callable[[], bool],
) -> bool:
    """Let each search try one candidate; return whether none was stopped meanwhile.

    Fold by fold, so that those that are far behind are given up.
    """
    seed = settings.train.seed
    schema = settings.schema()
    asked = [search.ask() for search in searches]

    @one_thread()
    def fit(search: Search, candidate: Asked, fold: int) -> bool:
        if stop():
            return False
        kept, held = search.folds[fold]
        pipeline = build_pipeline(_for_trial(candidate.model), seed=seed, jobs=1, schema=schema)
        rows = search.rows[kept]
        fitted = fit_pipeline(pipeline, features[rows], target[rows])
        candidate.prices[held] = fitted.predict(features[search.rows[held]])
        return True

    for fold in range(INNER_FOLDS):
        going = [(s, a) for s, a in zip(searches, asked, strict=True) if not a.given_up]
        with threads_warn_in_vain():
            tasks = (joblib.delayed(fit)(search, candidate, fold) for search, candidate in going)
            if not all(list(side_by_side(settings, tasks))):
                return False
        for search, candidate in going:
            search.look(candidate, fold + 1)
    for search, candidate in zip(searches, asked, strict=True):
        search.tell(candidate)
    return True


def _for_trial(model: Model) -> Model:
    """Return `model` with fewer trees where more only cost time: in forests."""
    trees = model.params.get("n_estimators", TRIAL_TREES)
    if model.regressor not in FORESTS or not isinstance(trees, int):
        return model
    return with_params(model, {"n_estimators": min(trees, TRIAL_TREES)})


def _evidence(settings: Settings, final: Search, choices: Sequence[Choice]) -> dict[str, object]:
    """Return what the metadata says of the search on all rows, and of those in the folds."""
    chosen, own = choices[0], settings.model.regressor
    scores = [candidate.score for candidate in final.tried]
    one = chosen.members[0].params if len(chosen.members) == 1 else chosen.model.params
    nested = Counter(choice.model.regressor for choice in choices[1:])
    return {
        "optimizer": "optuna TPE",
        "trials": max(len(scores) - 1, 0),
        "asked": settings.train.tune,
        "seed": settings.train.seed,
        "regressor": chosen.model.regressor,
        "settings_regressor": own,
        "params": one if scores else {},
        "metric": "rmse",
        "folds": INNER_FOLDS,
        "rows": len(final.rows),
        "untuned": scores[0] if scores else None,
        "score": chosen.score if scores else None,
        "scores": [round(score, 6) for score in scores[1:]],
        "regressors": best_scores(final.tried),
        "nested_in": len(choices) - 1,
        "nested_regressors": dict(nested.most_common()),
    }
