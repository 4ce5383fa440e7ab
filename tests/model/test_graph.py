"""What is read from the bytes of a graph is what the library reads."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from housing_cli.model.graph import Node, attributes, beginning, nodes


def model() -> onnx.ModelProto:
    """Return one that doubles, then adds 1."""
    tensors = [
        numpy_helper.from_array(np.array([v], np.float32), n) for n, v in (("two", 2), ("one", 1))
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "two"], ["doubled"], name="first"),
            helper.make_node("Add", ["doubled", "one"], ["y"], name="second"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
        tensors,
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_nodes_are_read_in_their_order() -> None:
    first, second = nodes(model().SerializeToString())
    assert first[:3] == ("Mul", ("x", "two"), ("doubled",))
    assert second[:3] == ("Add", ("doubled", "one"), ("y",))


def test_the_beginning_gives_an_inner_result_and_holds_no_more() -> None:
    raw = beginning(model().SerializeToString(), "doubled")
    assert [node.op_type for node in onnx.load_from_string(raw).graph.node] == ["Mul"]
    (found,) = onnxruntime.InferenceSession(raw).run(None, {"x": np.ones((2, 3), np.float32)})
    assert found.tolist() == [[2.0] * 3] * 2


def test_a_result_that_no_node_makes_has_no_beginning() -> None:
    with pytest.raises(ValueError, match="no node makes"):
        beginning(model().SerializeToString(), "tripled")


def test_bytes_that_are_no_message_are_refused() -> None:
    raw = model().SerializeToString()
    with pytest.raises(ValueError, match="cut off"):
        list(nodes(raw[:-5]))


def test_the_numbers_of_a_node_are_read() -> None:
    tensor = numpy_helper.from_array(np.array([0.5, 1.5]))
    made = helper.make_node(
        "Own", [], ["y"], count=7, many=[1, 2, 300, 2**40], none="text", values=tensor
    )
    node = Node("Own", (), ("y",), memoryview(made.SerializeToString()))
    found = attributes(node)
    assert found.keys() == {"count", "many", "values"}
    assert found["count"] == 7
    assert found["many"].tolist() == [1, 2, 300, 2**40]
    assert found["values"].tolist() == [0.5, 1.5]
