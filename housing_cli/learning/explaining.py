"""Say at training time what a version's prices are made of: `explanation.json`.

Trees, linear models, and what adds such up (voting, stacking with a linear final estimator, bagging
on all columns) are explained exactly; anything else by sampling. See `model/explanation.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingRegressor
from sklearn.pipeline import Pipeline

from housing_cli.learning.encoding import columns_of
from housing_cli.learning.export import first_result
from housing_cli.learning.pipeline import learned_by, learns_logarithms
from housing_cli.learning.trees import tree_kinds, trees_of
from housing_cli.model.compiled import LOG_SPREAD, CompiledModel
from housing_cli.model.explanation import (
    Explainer,
    Explanation,
    LinearPart,
    Scale,
    TreePart,
    packed,
)
from housing_cli.model.graph import nodes
from housing_cli.model.trees import Trees, read_trees

Floats = NDArray[np.float64]
Parts = list[TreePart | LinearPart]

CHECKED_ROWS = 2
TOLERANCE = 1e-5
"""Relative to a price: members of a blend give theirs in float32."""


class _Sampled(Exception):
    """A model is not a sum of trees and linear models."""


def explanation_of(
    pipeline: Pipeline, onnx_bytes: bytes, compiled: CompiledModel, features: Floats
) -> Explanation:
    """Return what says why the compiled pipeline gives its prices.

    features: the training rows (n, k). The parts are kept only where they sum to the compiled
    prices of some of these; sampling is right for everything.
    """
    columns = columns_of(pipeline[0], features.shape[1])
    known = {_key(trees): name for name, trees in read_trees(onnx_bytes).items()}
    scale: Scale = "log" if learns_logarithms(pipeline) else "price"
    plain = Explanation(first_result(node[:3] for node in nodes(onnx_bytes)), columns, scale=scale)
    try:
        parts, intercept = _parts(learned_by(pipeline), 1.0, known)
    except _Sampled:
        return plain
    linear = any(isinstance(part, LinearPart) for part in parts)
    means = pipeline[0].transform(features).mean(axis=0).tolist() if linear else []
    made = Explanation(plain.encoded, columns, parts, intercept, means, scale)
    rows = features[:: max(1, len(features) // CHECKED_ROWS)][:CHECKED_ROWS]
    try:
        prices = Explainer(made, onnx_bytes, compiled).explain(rows).prices()
    except ValueError:  # a leaf that no row came to, for one
        return plain
    right = np.allclose(prices, compiled.score(rows), rtol=TOLERANCE, atol=TOLERANCE)
    return made if right else plain


def _key(trees: Trees) -> bytes:
    return trees.roots.tobytes() + trees.threshold.tobytes() + trees.value.tobytes()


def _parts(model: Any, weight: float, known: dict[bytes, str]) -> tuple[Parts, float]:
    """Return the parts of a fitted model that counts with `weight`, and its constant."""
    if isinstance(model, tree_kinds()):
        trees, covers = trees_of(model)
        name = known.get(_key(trees), LOG_SPREAD)
        if name == LOG_SPREAD:
            raise _Sampled
        return [TreePart(name, packed(covers), weight)], 0.0
    if isinstance(model, VotingRegressor | StackingRegressor | BaggingRegressor):
        return _members(model, weight, known)
    if hasattr(model, "coef_"):
        slopes = np.ravel(model.coef_).tolist()
        return [LinearPart(slopes, weight)], weight * float(np.ravel(model.intercept_)[0])
    raise _Sampled


def _members(model: Any, weight: float, known: dict[bytes, str]) -> tuple[Parts, float]:
    members, constant = list(model.estimators_), 0.0
    parts: Parts = []
    if isinstance(model, StackingRegressor):
        final = model.final_estimator_
        if not hasattr(final, "coef_"):
            raise _Sampled
        weights = np.ravel(final.coef_)
        if model.passthrough:  # the columns stand behind the members' prices
            parts.append(LinearPart(weights[len(members) :].tolist(), weight))
        constant = weight * float(np.ravel(final.intercept_)[0])
    elif isinstance(model, VotingRegressor):
        given = model._weights_not_none
        weights = np.ones(len(members)) if given is None else np.asarray(given, dtype=np.float64)
        weights = weights / weights.sum()
    else:
        every = np.arange(model.n_features_in_)
        if not all(np.array_equal(chosen, every) for chosen in model.estimators_features_):
            raise _Sampled
        weights = np.full(len(members), 1 / len(members))
    for member, share in zip(members, weights, strict=False):
        own, more = _parts(member, weight * float(share), known)
        parts += own
        constant += more
    return parts, constant
