"""build_pipeline(): the unfitted imputer and regressor that the settings name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
import sklearn.ensemble
import sklearn.linear_model
import sklearn.tree
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from housing_cli.config import Model
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import ModelError
from housing_cli.learning import lightgbm
from housing_cli.learning.encoding import encoder
from housing_cli.model.compiled import prepared

# Regressors whose compiled form is known to equal the fitted one (the export checks it each time).
REGRESSORS: dict[str, type[Any]] = {
    regressor.__name__: regressor
    for regressor in (
        sklearn.ensemble.RandomForestRegressor,
        sklearn.ensemble.ExtraTreesRegressor,
        sklearn.ensemble.GradientBoostingRegressor,
        sklearn.ensemble.HistGradientBoostingRegressor,
        sklearn.ensemble.AdaBoostRegressor,
        sklearn.ensemble.BaggingRegressor,
        sklearn.ensemble.StackingRegressor,
        sklearn.ensemble.VotingRegressor,
        sklearn.tree.DecisionTreeRegressor,
        sklearn.linear_model.LinearRegression,
        sklearn.linear_model.Ridge,
        sklearn.linear_model.Lasso,
        sklearn.linear_model.ElasticNet,
    )
}

SUPPORTED: Final = tuple(sorted([*REGRESSORS, lightgbm.NAME]))
"""What the settings may name; LightGBM is loaded where they do."""
BLENDS: Final = ("StackingRegressor", "VotingRegressor")
MEMBERS: Final = tuple(sorted(set(SUPPORTED) - set(BLENDS)))
# The members' prices reach a final estimator in float32: to a linear one that is a rounding error,
# in a tree it moves rows to other leaves.
FINAL: Final = ("ElasticNet", "Lasso", "LinearRegression", "Ridge")
_HISTOGRAM: Final = "HistGradientBoostingRegressor"
_STACKING: Final = "StackingRegressor"
# They compare in double, where other trees round the features to float32 by themselves.
_DOUBLE: Final = {_HISTOGRAM, lightgbm.NAME}


def build_pipeline(
    model: Model, *, seed: int, jobs: int, schema: FeatureSchema | None = None
) -> Pipeline:
    """Return the unfitted pipeline: steps `imputer` and `regressor`, and maybe `rounding` between.

    schema: of the features, where some are no numbers; instead of the imputer the first step is
    `encoder` then, which imputes too. Raises `ModelError` for an unknown regressor or parameter;
    wrong parameter values are found when it is fitted.
    """
    if model.regressor not in SUPPORTED:
        raise _unsupported("regressor", model.regressor, SUPPORTED)
    defaults = {"random_state": seed, "n_jobs": jobs}
    make = _blend if model.regressor in BLENDS else _regressor
    regressor = make(model.regressor, model.params, defaults)
    # A fold may hold no value of a column that the whole table has a few of: the column stays.
    first = ("imputer", SimpleImputer(strategy=model.imputer, keep_empty_features=True))
    if schema is not None and schema.kinds:
        first = ("encoder", encoder(schema, model.imputer, seed))
    if model.target == "log":
        # Its exponential is a house's median price: errors count by factor, not by amount.
        regressor = TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp)
    steps = [first, ("regressor", regressor)]
    if _DOUBLE & named(model):
        steps.insert(1, ("rounding", FunctionTransformer(as_served)))
    return Pipeline(steps)


def learned_by(pipeline: Pipeline) -> Any:
    """Return the regressor of a fitted pipeline, of prices or of their logarithms."""
    regressor = pipeline["regressor"]
    return regressor.regressor_ if learns_logarithms(pipeline) else regressor


def learns_logarithms(pipeline: Pipeline) -> bool:
    """Return whether a pipeline prices by the exponential of what its regressor says."""
    return isinstance(pipeline["regressor"], TransformedTargetRegressor)


def named(model: Model) -> set[str]:
    """Return the regressors that the settings name: the one, and what it combines."""
    members = model.params.get("estimators") if model.regressor in BLENDS else None
    return {model.regressor, *(members or ())}


def know_names(pipeline: Pipeline, names: Sequence[str]) -> None:
    """Let a fitted pipeline know its columns' names, as if it had been fitted on a data frame.

    With frames it then refuses columns that are missing or in another order, or takes them by name.
    It learns from arrays, and so does everything that looks at it before it is stored: a pipeline
    that knows names warns of each array.
    """
    first = pipeline[0]
    known = np.array(names, dtype=object)
    first.feature_names_in_ = known
    if isinstance(first, ColumnTransformer):
        for _, step, places in first.transformers_:
            step.feature_names_in_ = known[places]


def as_served(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the features as the compiled model gets them: rounded to float32.

    Other trees do so by themselves, but histogram boosting and LightGBM compare in double: a
    threshold between a value and its rounding would send the two to different leaves.
    """
    return prepared(features).astype(np.float64)


def _regressor(
    name: str, params: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = ""
) -> Any:
    """Return the regressor `name`; prefix: what the settings put before its parameters."""
    known = _parameters(name)
    for param in params:
        if param not in known:
            raise _unknown(prefix + param, name, [prefix + one for one in known])
    if name == lightgbm.NAME:
        return lightgbm.regressor(params, defaults, prefix)
    if name == _HISTOGRAM:
        if params.get("loss") in ("gamma", "poisson"):
            # Its trees add up to a logarithm.
            losses = ("absolute_error", "quantile", "squared_error")
            raise _unsupported(f"params.{prefix}loss", params["loss"], losses)
        if "categorical_features" in params:
            raise ModelError(
                f"`model.params.{prefix}categorical_features` is not supported",
                "remove it: the features are numbers",
            )
    return REGRESSORS[name](**{k: v for k, v in defaults.items() if k in known} | dict(params))


def _blend(name: str, params: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    """Return a regressor of regressors.

    The settings name its members, and their parameters as scikit-learn does: `Ridge__alpha`.
    """
    known, members = _parameters(name), _members(params.get("estimators"))
    kinds = {member: member for member in members}
    if name == _STACKING and "final_estimator" in params:
        kinds["final_estimator"] = final = params["final_estimator"]
        if final not in FINAL:
            raise _unsupported("params.final_estimator", final, FINAL)
    own: dict[str, Any] = {}
    theirs: dict[str, dict[str, Any]] = {owner: {} for owner in kinds}
    for param, value in params.items():
        owner, _, rest = param.partition("__")
        if rest and owner in theirs:
            theirs[owner][rest] = value
        elif param in known:
            own[param] = value
        elif param in members:
            raise ModelError(
                f"`model.params.{param}` is not a parameter of {name}",
                f"give a member's own as `{param}__{_parameters(param)[0]}`",
            )
        else:
            more = (f"{of}__{one}" for of, kind in kinds.items() for one in _parameters(kind))
            raise _unknown(param, name, known, more)
    # Stacking learns from its members' prices, and threads add up a forest's in any order.
    alone = {**defaults, "n_jobs": 1} if name == _STACKING else defaults
    made = {
        owner: _regressor(kind, theirs[owner], alone, f"{owner}__") for owner, kind in kinds.items()
    }
    # The members get `n_jobs`, the blend does not: its own would be processes around their threads.
    own["estimators"] = [(member, made[member]) for member in members]
    if name == _STACKING:
        own["final_estimator"] = made.get("final_estimator")  # None: scikit-learn's RidgeCV
        # Shuffled: rows often lie side by side that are alike.
        folds, seed = _folds(own.get("cv", 5)), defaults["random_state"]
        own["cv"] = KFold(folds, shuffle=True, random_state=seed)
    elif "weights" in own:
        own["weights"] = _weights(own["weights"], len(members))
    return REGRESSORS[name](**own)


def _members(names: Any) -> list[str]:
    if not isinstance(names, list) or not names:
        raise ModelError(
            "`model.params.estimators` must list the regressors to combine",
            'for example `estimators = ["RandomForestRegressor", "Ridge"]`',
        )
    for k, name in enumerate(names):
        if name not in MEMBERS:
            raise _unsupported("params.estimators", name, MEMBERS)
        if name in names[:k]:
            raise ModelError(f"`model.params.estimators` names {name} twice", "name it once")
    return names


def _folds(folds: Any) -> int:
    if type(folds) is not int or folds < 2:  # noqa: PLR2004
        raise ModelError(
            f"`model.params.cv` is `{folds}`, which is not a number of folds", "give at least 2"
        )
    return folds


def _weights(weights: Any, n: int) -> NDArray[np.float64]:
    numbers = isinstance(weights, list) and all(type(one) in (int, float) for one in weights)
    if not numbers or len(weights) != n or min(weights) < 0 or not any(weights):
        raise ModelError(
            f"`model.params.weights` is `{weights}`, which does not weigh the estimators",
            f"give {n} numbers of at least 0, not all of them 0",
        )
    return np.array(weights, dtype=np.float64)  # skl2onnx cannot read a list


def _parameters(name: str) -> list[str]:
    if name == lightgbm.NAME:
        return lightgbm.parameters()
    return sorted(inspect.signature(REGRESSORS[name]).parameters)


def _unsupported(key: str, value: object, supported: Iterable[str]) -> ModelError:
    return ModelError(
        f"`model.{key}` is `{value}`, which is not supported",
        f"use one of {', '.join(supported)}",
    )


def _unknown(param: str, name: str, known: Iterable[str], more: Iterable[str] = ()) -> ModelError:
    """Return the error for a parameter that `name` lacks; more: what is too much to list."""
    close = get_close_matches(param, [*known, *more], n=1)
    return ModelError(
        f"`model.params.{param}` is not a parameter of {name}",
        f"did you mean `{close[0]}`?" if close else f"it has {', '.join(known)}",
    )
