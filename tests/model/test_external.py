"""A model whose numbers lie in another file is known by it, however deep the tensor lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from housing_cli.errors import VersionCorrupt
from housing_cli.model.compiled import CompiledModel
from housing_cli.model.external import reads_other_files

WEIGHTS = numpy_helper.from_array(np.array([[2.0]], np.float32), "w")


def outside() -> TensorProto:
    """Return the weights as a tensor whose numbers lie in `weights.bin`."""
    tensor = TensorProto()
    tensor.CopyFrom(WEIGHTS)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def graph(
    nodes: list[onnx.NodeProto], tensors: list[TensorProto], inputs: tuple[str, ...] = ("x",)
) -> onnx.GraphProto:
    return helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        tensors,
    )


def product(tensor: TensorProto) -> onnx.ModelProto:
    """Return a model that multiplies with an initializer."""
    made = graph([helper.make_node("MatMul", ["x", "w"], ["y"])], [tensor])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def constant(tensor: TensorProto) -> onnx.ModelProto:
    """Return one whose tensor is a node's attribute."""
    nodes = [
        helper.make_node("Constant", [], ["w"], value=tensor),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    return helper.make_model(
        graph(nodes, []), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )


def branch(tensor: TensorProto) -> onnx.ModelProto:
    """Return one whose tensor lies in a graph within the graph."""
    inner = graph([helper.make_node("MatMul", ["x", "w"], ["y"])], [tensor], ())
    yes = numpy_helper.from_array(np.array(True), "yes")
    node = helper.make_node("If", ["yes"], ["y"], then_branch=inner, else_branch=inner)
    return helper.make_model(
        graph([node], [yes]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )


def function(tensor: TensorProto) -> onnx.ModelProto:
    """Return one whose tensor lies in a function of the model's own."""
    body = constant(tensor).graph.node
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    own = helper.make_function("own", "Times", ["x"], ["y"], list(body), opsets)
    made = graph([helper.make_node("Times", ["x"], ["y"], domain="own")], [])
    return helper.make_model(made, opset_imports=opsets, functions=[own], ir_version=8)


KINDS = [product, constant, branch, function]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tensor_in_another_file_is_found_wherever_it_lies(
    kind: Callable[[TensorProto], onnx.ModelProto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(np.array([[3.0]], np.float32).tobytes())
    raw = kind(outside()).SerializeToString()
    assert reads_other_files(raw)
    with pytest.raises(VersionCorrupt, match="keeps numbers in another file") as raised:
        CompiledModel(raw, 1)
    assert raised.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_holds_its_numbers_is_none(
    kind: Callable[[TensorProto], onnx.ModelProto],
) -> None:
    made = kind(WEIGHTS)
    made.doc_string = "of every location"
    raw = made.SerializeToString()
    assert not reads_other_files(raw)
    assert CompiledModel(raw, 1).score_few([[4.0]]) == [8.0]


def test_a_second_graph_behind_the_first_is_looked_into() -> None:
    # Messages merge: what a reader sees is the sum of both.
    appended = product(WEIGHTS).SerializeToString() + product(outside()).SerializeToString()
    assert reads_other_files(appended)


def test_a_tensor_that_only_names_a_file_counts() -> None:
    tensor = outside()
    tensor.ClearField("data_location")
    assert reads_other_files(product(tensor).SerializeToString())


def test_what_is_no_message_and_names_a_place_is_refused() -> None:
    whole = product(outside()).SerializeToString()
    for raw in (b"location", whole[:-3] + b"\xff" * 11, b"\x3a\xff" + whole, b"\x0b" + whole):
        assert reads_other_files(raw)
    assert reads_other_files(b"\x18\0\0\0ORTM" + bytes(50))
