"""Compile a fitted pipeline to ONNX and prove that the two give the same prices.

skl2onnx does the conversion; trees get a converter of our own. Its own one writes thresholds and
leaf values as float32, which moves rows to the wrong leaf where a threshold is rounded across their
value, and lets the sum over 300 trees drift by 1e-4. ONNX-ML 5 has a TreeEnsemble in double: with
it the compiled forest takes scikit-learn's branches exactly and sums in double, in half the memory.
Every kind of tree is written so: ONNX-ML 5 no longer has the operator that skl2onnx writes, and a
blend holds several kinds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from housing_cli.data.kinds import CODES
from housing_cli.errors import ExportError
from housing_cli.learning import encoding, lightgbm
from housing_cli.learning.pipeline import as_served, learned_by, learns_logarithms
from housing_cli.learning.trees import tree_kinds, trees_of
from housing_cli.model.compiled import HIGHEST, LOG_SPREAD, CompiledModel
from housing_cli.model.trees import OPERATOR

TOLERANCE = 1e-4
OPSET = {"": 18, "ai.onnx.ml": 3}
TREES_OPSET = 5
ENCODED = "transformed_column"
"""What skl2onnx calls the columns of a `ColumnTransformer` side by side."""


def export_onnx(
    pipeline: Pipeline, n_features: int, spread: HistGradientBoostingRegressor | None = None
) -> bytes:
    """Return the ONNX bytes of a fitted pipeline: float32 (n, k) in, float32 (n, 1) out.

    The same pipeline gives the same bytes. spread: a model of `learning/spread.py`; the graph then
    calculates `LOG_SPREAD` too, without naming it among its outputs (see `model/compiled.py`).
    """
    logarithms = learns_logarithms(pipeline)
    if logarithms:
        pipeline = Pipeline([*pipeline.steps[:-1], ("regressor", learned_by(pipeline))])
    model = _converted(pipeline, "features", n_features)
    if logarithms:
        _add_exponential(model.graph)
    if spread is not None:
        _add_spread(model.graph, spread)
    if any(node.op_type == OPERATOR for node in model.graph.node):
        # skl2onnx writes up to ONNX-ML 3, and this node is of 5; the others are in both.
        for operators in model.opset_import:
            if operators.domain == "ai.onnx.ml":
                operators.version = TREES_OPSET
    # skl2onnx keeps the operator sets in a `set`, whose order changes from process to process.
    operator_sets = sorted(model.opset_import, key=lambda operators: operators.domain)
    del model.opset_import[:]
    model.opset_import.extend(operator_sets)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _converted(model: Any, source: str, n_features: int) -> Any:
    for kind in lightgbm.loaded():
        # Blends look up their members, and know scikit-learn's alone: what nobody has registered.
        if kind not in sklearn_operator_name_map:
            update_registered_converter(kind, kind.__name__, _trees_shape, _convert_trees)
    return convert_sklearn(
        model,
        "housing",  # without a name each graph gets a random one
        initial_types=[(source, FloatTensorType([None, n_features]))],
        target_opset=OPSET,
        # Given here and not registered: other users of skl2onnx in this process keep its own.
        custom_shape_calculators={
            **dict.fromkeys(tree_kinds(), _trees_shape),
            FunctionTransformer: _rounding_shape,
            **encoding.shapes(),
        },
        custom_conversion_functions={
            **dict.fromkeys(tree_kinds(), _convert_trees),
            FunctionTransformer: _convert_rounding,
            **encoding.converters(),
        },
    )


def _add_exponential(graph: Any) -> None:
    """Let a graph of logarithms give prices, by an exponential in double.

    Of 13, the logarithm of 450,000, float32 keeps one digit less than of the price itself; and its
    exponential is not the same to the last bit on every processor.
    """
    (result,) = (output.name for output in graph.output)
    last = next(node for node in graph.node if result in node.output)
    logarithms, prices = f"{result}_logarithms", f"{result}_doubles"
    to = {attribute.name: attribute.i for attribute in last.attribute}.get("to")
    if last.op_type == "Cast" and to == TensorProto.FLOAT:
        (logarithms,) = last.input  # of trees: in double as it is
        graph.node.remove(last)
    else:
        last.output[:] = [logarithms]
        doubles = helper.make_node("Cast", [logarithms], [f"{logarithms}_doubles"],
                                   name=f"{logarithms}_cast", to=TensorProto.DOUBLE)  # fmt: skip
        graph.node.append(doubles)
        logarithms = doubles.output[0]
    graph.node.append(helper.make_node("Exp", [logarithms], [prices], name=f"{result}_exp"))
    graph.node.append(
        helper.make_node("Cast", [prices], [result], name=f"{result}_cast", to=TensorProto.FLOAT)
    )


def _add_spread(graph: Any, spread: HistGradientBoostingRegressor) -> None:
    """Add the spread's trees behind the first step, whose sum is a logarithm, in double."""
    before = first_result((node.op_type, node.input, node.output) for node in graph.node)
    own = _converted(spread, before, spread.n_features_in_).graph
    cast, trees, _ = own.node  # the price's cast to float is not needed here
    if (cast.op_type, trees.op_type) != ("Cast", OPERATOR) or own.initializer:
        raise ExportError("the spread is not trees alone", "this is a bug: please report it")
    doubles = f"{LOG_SPREAD}_doubles"
    cast.name, trees.name = f"{LOG_SPREAD}_cast", f"{LOG_SPREAD}_trees"
    cast.output[:], trees.input[:], trees.output[:] = [doubles], [doubles], [LOG_SPREAD]
    graph.node.extend([cast, trees])


def first_result(nodes: Iterable[tuple[str, Sequence[str], Sequence[str]]]) -> str:
    """Return what the result of a graph's first step is called: of the encoder, or of the imputer.

    nodes: the operator, the inputs and the outputs of each.
    """
    listed = list(nodes)
    results = {outputs[0]: operator for operator, _, outputs in listed}
    if ENCODED in results:
        return ENCODED
    if imputed := [name for name, operator in results.items() if operator == "Imputer"]:
        return imputed[0]
    # Features of one kind, and no numbers: their step is all that trees or slopes read.
    doubles = {inputs[0] for operator, inputs, _ in listed if operator == OPERATOR}
    return next(
        inputs[0]
        for operator, inputs, outputs in listed
        if operator == "LinearRegressor" or (operator == "Cast" and outputs[0] in doubles)
    )


def verify_export(
    pipeline: Pipeline,
    compiled: CompiledModel,
    features: NDArray[np.float64],
    seed: int,
    spread: HistGradientBoostingRegressor | None = None,
    whole: Sequence[int] = (),
) -> float:
    """Return the largest difference between fitted and compiled prices.

    Looks at every row of `features` and at 20,000 random rows whose values come from the columns'
    ranges, some missing, and some exactly on the data's own values. whole: the columns that hold
    codes or days; most random codes are of words that nobody has seen. Raises `ExportError` where
    the difference is above `TOLERANCE` (relative to prices above 1), in prices or in spreads.
    """
    rows = np.vstack([features, random_rows(features, 20_000, seed, whole)])
    expected = np.asarray(pipeline.predict(rows), dtype=np.float64)
    prices, spreads = compiled.scored(rows)
    difference = np.abs(prices - expected)
    worst = float(difference.max())
    # float32 carries 7 digits: prices in the hundred thousands cannot be closer than that. Where
    # slopes add up to a logarithm, its last digit is the sixth of the price.
    digits = 1e-5 if learns_logarithms(pipeline) else 1e-6
    allowed = np.maximum(TOLERANCE, np.abs(expected) * digits)
    if not np.all(difference <= allowed):
        raise ExportError(
            f"the compiled model differs from the fitted one by up to {worst:.3g}",
            "this is a bug or a regressor that ONNX cannot express; use RandomForestRegressor",
        )
    if spread is not None:
        fitted = spread.predict(as_served(pipeline[0].transform(rows)))
        if not np.allclose(spreads, fitted, rtol=TOLERANCE, atol=0):
            raise ExportError("the compiled spread differs from the fitted one", "this is a bug")
    return worst


def random_rows(
    features: NDArray[np.float64], n: int, seed: int, whole: Sequence[int] = ()
) -> NDArray[np.float64]:
    """Return n rows (n, k) that mix uniform draws, values of the data, and 2 % missing.

    whole: the columns of whole numbers that are not negative.
    """
    rng = np.random.default_rng(seed)
    low, high = np.nanmin(features, axis=0), np.nanmax(features, axis=0)
    margin = (high - low) * 0.1
    rows = rng.uniform(low - margin, high + margin, size=(n, features.shape[1]))
    rows = np.clip(rows, -HIGHEST, HIGHEST)  # where a column goes to the limit itself
    rows[:, list(whole)] = np.rint(np.clip(rows[:, list(whole)], 0, CODES - 1))
    picked = np.take_along_axis(features, rng.integers(0, len(features), rows.shape), axis=0)
    rows = np.where(rng.random(rows.shape) < 0.5, picked, rows)  # noqa: PLR2004
    rows[rng.random(rows.shape) < 0.02] = np.nan  # noqa: PLR2004
    return rows


def _rounding_shape(operator: Any) -> None:
    operator.outputs[0].type.shape = operator.inputs[0].type.shape


def _convert_rounding(scope: Any, operator: Any, container: Any) -> None:
    """Write `pipeline.as_served`: nothing, since the features are float32 here."""
    name = scope.get_unique_operator_name("Identity")
    container.add_node(
        "Identity", operator.inputs[0].full_name, operator.outputs[0].full_name, name=name
    )


def _trees_shape(operator: Any) -> None:
    operator.outputs[0].type.shape = [None, 1]


def _convert_trees(scope: Any, operator: Any, container: Any) -> None:
    """Write trees as one TreeEnsemble with double thresholds and leaves.

    Inner nodes and leaves of all trees are numbered in two sequences of their own; a branch names
    a number and in which of the two it counts.
    """
    trees, _ = trees_of(operator.raw_operator)
    # A tree that never splits is a leaf alone, but a root must be an inner node: one whose
    # branches both lead to that leaf.
    stumps = trees.roots[trees.roots < 0]
    roots = trees.roots.copy()
    roots[roots < 0] = len(trees.feature) + np.arange(len(stumps))
    yes, no = np.concatenate([trees.yes, stumps]), np.concatenate([trees.no, stumps])
    splits = np.concatenate([trees.threshold, np.zeros(len(stumps))])
    features = np.concatenate([trees.feature, np.zeros(len(stumps), dtype=np.int64)])

    # scikit-learn rounds the features to float32 and compares them with double thresholds.
    doubles, prices = (scope.get_unique_variable_name(name) for name in ("doubles", "prices"))
    _cast(scope, container, operator.inputs[0].full_name, doubles, TensorProto.DOUBLE)
    container.add_node(
        OPERATOR,
        doubles,
        prices,
        op_domain="ai.onnx.ml",
        op_version=OPSET["ai.onnx.ml"],  # what skl2onnx is told; see `export_onnx`
        name=scope.get_unique_operator_name("TreeEnsemble"),
        n_targets=1,
        aggregate_function=1,  # sum
        post_transform=0,
        tree_roots=roots.tolist(),
        nodes_featureids=features.tolist(),
        nodes_modes=numpy_helper.from_array(np.zeros(len(splits), dtype=np.uint8)),  # <=
        nodes_splits=numpy_helper.from_array(splits),
        nodes_truenodeids=np.where(yes < 0, ~yes, yes).tolist(),
        nodes_trueleafs=(yes < 0).astype(int).tolist(),
        nodes_falsenodeids=np.where(no < 0, ~no, no).tolist(),
        nodes_falseleafs=(no < 0).astype(int).tolist(),
        leaf_targetids=np.zeros(len(trees.value), dtype=int).tolist(),
        leaf_weights=numpy_helper.from_array(trees.value),
    )
    _cast(scope, container, prices, operator.outputs[0].full_name, TensorProto.FLOAT)


def _cast(scope: Any, container: Any, before: str, after: str, to: int) -> None:
    name = scope.get_unique_operator_name("Cast")
    container.add_node("Cast", before, after, op_version=9, name=name, to=to)
