"""LightGBM, an extra: its regressor, made repeatable, and its trees.

It is loaded where the settings name it, and not before.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from housing_cli.errors import ConfigError, ModelError
from housing_cli.words import install_hint

NAME: Final = "LGBMRegressor"
PACKAGE: Final = "lightgbm"

# What its signature hides in `**kwargs`, and changes nothing but how the trees grow.
MORE: Final = (
    "alpha", "colsample_bynode", "extra_trees", "max_bin", "max_delta_step", "min_data_in_bin",
    "path_smooth",
)  # fmt: skip
# Their prices are sums of leaves. Those of `poisson`, `gamma` and `tweedie` are logarithms.
OBJECTIVES: Final = (
    "fair", "huber", "mape", "quantile", "regression", "regression_l1",
)  # fmt: skip
# `rf` has no shrinkage and needs more parameters; scikit-learn's forests are there for it.
BOOSTING: Final = ("dart", "gbdt", "goss")
_ALLOWED: Final = {
    "objective": OBJECTIVES, "boosting_type": BOOSTING, "extra_trees": (True, False)
}  # fmt: skip

_SHARES: Final = ("subsample", "colsample_bytree", "colsample_bynode")
_NOT_BELOW_0: Final = (
    "max_delta_step", "min_child_weight", "min_split_gain", "path_smooth",
    "reg_alpha", "reg_lambda",
)  # fmt: skip
# Least and highest of a parameter, whole where the least is an `int`; asked here, because LightGBM
# prints what it refuses on stderr, from C++, once in each fold.
_TINY: Final = 1e-12
_RANGES: Final[dict[str, tuple[float, float]]] = {
    "n_estimators": (1, 1_000_000),
    "num_leaves": (2, 131_072),
    "min_child_samples": (0, 2**31 - 1),
    "max_bin": (2, 65_535),
    "min_data_in_bin": (1, 2**31 - 1),
    "learning_rate": (_TINY, 1e6),
    "alpha": (_TINY, 1e6),  # of `quantile` and `huber`
    "max_depth": (-1, 2**31 - 1),  # -1: as deep as `num_leaves` lets it be
    "subsample_freq": (0, 2**31 - 1),
    "subsample_for_bin": (1, 2**31 - 1),
    "n_jobs": (-(2**31), 2**31 - 1),
    "random_state": (0, 2**31 - 1),
    **dict.fromkeys(_SHARES, (_TINY, 1.0)),
    **dict.fromkeys(_NOT_BELOW_0, (0.0, 1e300)),
}
# Its classifiers' own, and what says nothing of a model that is compiled.
_NOT_OFFERED: Final = ("class_weight", "importance_type", "kwargs")

# Without these its sums depend on how many threads share them, and it prints on stdout.
FIXED: Final = {"deterministic": True, "force_row_wise": True, "verbosity": -1}


def regressor_class() -> type[Any]:
    """Return the class. Raises `ConfigError` where LightGBM is not installed, or cannot load."""
    try:
        from lightgbm import LGBMRegressor
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != PACKAGE:
            raise
        raise ConfigError(
            f"`{NAME}` needs LightGBM, which is not installed", install_hint(PACKAGE)
        ) from None
    except OSError as error:  # slim systems lack libgomp, which its wheels do not carry
        raise ConfigError(
            f"LightGBM cannot be loaded: {error}",
            "install OpenMP: `apt-get install libgomp1`, or `brew install libomp`",
        ) from None
    return LGBMRegressor


def loaded() -> tuple[type[Any], ...]:
    """Return the class alone, or nothing: who has not loaded LightGBM has fitted no such model."""
    return (regressor_class(),) if sys.modules.get(PACKAGE) else ()


def parameters() -> list[str]:
    """Return the parameters that the settings may give, sorted."""
    known = set(inspect.signature(regressor_class()).parameters) - set(_NOT_OFFERED)
    return sorted(known | set(MORE))


def regressor(params: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "") -> Any:
    """Return the unfitted regressor. prefix: what the settings put before its parameters.

    It has one thread: folds are fitted side by side, and `learning/fitting.py` says what threads of
    OpenMP cost beside each other. Raises `ModelError` for what cannot be compiled.
    """
    for param, value in params.items():
        if param in _ALLOWED and value not in _ALLOWED[param]:
            raise ModelError(
                f"`model.params.{prefix}{param}` is `{value}`, which is not supported",
                f"use one of {', '.join(str(one).lower() for one in _ALLOWED[param])}",
            )
        if param in _RANGES:
            _check_range(f"model.params.{prefix}{param}", value, *_RANGES[param])
    made = {**defaults, "n_jobs": 1, **FIXED, **params}
    return regressor_class()(**made)


def _check_range(key: str, value: Any, low: float, high: float) -> None:
    """Refuse what is no number from low to high, and where low is an `int` what is not whole."""
    whole = isinstance(low, int)
    number = type(value) is int or (type(value) is float and not whole)
    if number and low <= value <= high:
        return
    kind = "a whole number" if whole else "a number"
    least = "above 0" if low == _TINY else f"of at least {low:g}"
    most = f" and at most {high:g}" if high == 1 else ""
    raise ModelError(
        f"`{key}` is `{value}` but must be {kind} {least}{most}",
        "check `model.params` in the settings",
    )


def refusals() -> tuple[type[Exception], ...]:
    """Return what LightGBM raises where it is loaded; it is no `ValueError`."""
    if not sys.modules.get(PACKAGE):
        return ()
    from lightgbm.basic import LightGBMError

    return (LightGBMError,)


def nodes_of(model: Any) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
    """Return how many nodes (T,) each tree of a fitted model has, and the nodes' columns.

    The columns are those of `learning/trees.py`: left and right name a node of the same tree.
    LightGBM compares doubles by <=, as the compiled model does; it writes both thresholds and
    leaves with 17 digits, which are exact. The mean is in the first tree's leaves already.
    """
    counts, rows = [], []
    for tree in model.booster_.dump_model()["tree_info"]:
        nodes = list(_nodes(tree["tree_structure"]))
        counts.append(len(nodes))
        rows += nodes
    leaf, left, right, feature, threshold, value, cover = zip(*rows, strict=True)
    columns = {
        "is_leaf": np.array(leaf, dtype=bool),
        "left": np.array(left, dtype=np.int64),
        "right": np.array(right, dtype=np.int64),
        "feature": np.array(feature, dtype=np.int64),
        "threshold": np.array(threshold, dtype=np.float64),
        "value": np.array(value, dtype=np.float64),
        "cover": np.array(cover, dtype=np.int64),
    }
    return np.array(counts, dtype=np.int64), columns


def _nodes(root: Mapping[str, Any]) -> Iterable[tuple[Any, ...]]:
    """Yield the nodes of a tree, level by level, each naming its children by their number."""
    level, known = [root], 1
    while level:
        below: list[Mapping[str, Any]] = []
        for node in level:
            if "leaf_value" in node:
                yield True, 0, 0, 0, 0.0, node["leaf_value"], node["leaf_count"]
                continue
            if node["decision_type"] != "<=":
                raise ValueError(f"LightGBM compares by {node['decision_type']}")
            yield False, known, known + 1, node["split_feature"], node["threshold"], 0.0, 0
            known += 2
            below += [node["left_child"], node["right_child"]]
        level = below
