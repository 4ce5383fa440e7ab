"""What an ONNX graph holds, read from the file's bytes: its nodes, and its beginning.

Fields are those of onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from housing_cli.model.protobuf import field_at, fields, message, varints

_GRAPH: Final = 7
_NODE, _OUTPUT = 1, 12
_INPUTS, _OUTPUTS, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _INT, _TENSOR, _INTS, _TYPE = 1, 3, 5, 8, 20
_DATA_TYPE, _RAW = 2, 9
_TYPES: Final = {1: np.float32, 2: np.uint8, 7: np.int64, 11: np.float64}
_INTS_TAG: Final = _INTS << 3
_FLOAT_TENSOR: Final = b"\x08\x01"  # TypeProto.Tensor: its elem_type (1) is 1, float


class Node(NamedTuple):
    """One operation of a graph; `raw` are its bytes."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    raw: memoryview


def nodes(onnx_bytes: bytes) -> Iterator[Node]:
    """Yield the nodes of the graph in their order. Raises ValueError for bytes that are none."""
    for field, value in _of_graph(onnx_bytes):
        if field == _NODE:
            yield _node(_bytes(value))


def attributes(node: Node) -> dict[str, Any]:
    """Return a node's numbers: an int, or an array of what is a list or a tensor.

    Attributes of other kinds are left out.
    """
    found = {}
    for field, value in fields(node.raw):
        if field == _ATTRIBUTE:
            name, content = _attribute(_bytes(value))
            if content is not None:
                found[name] = content
    return found


def beginning(onnx_bytes: bytes, result: str) -> bytes:
    """Return the model whose only output is `result`, a float tensor that a node makes.

    It holds the nodes up to that one, and no other. Raises ValueError where none makes it.
    """
    graph = []
    there = False
    for field, value in _of_graph(onnx_bytes):
        if field == _NODE:
            raw = _bytes(value)
            if not there:
                graph.append(message(_NODE, raw))
                there = result in _node(raw).outputs
        elif field != _OUTPUT and isinstance(value, memoryview):  # a graph holds no plain numbers
            graph.append(message(field, value))
    if not there:
        raise ValueError(f"no node makes `{result}`")
    kind = message(2, message(1, _FLOAT_TENSOR))
    graph.append(message(_OUTPUT, message(_NAME, result.encode()) + kind))
    return _rest(onnx_bytes) + message(_GRAPH, b"".join(graph))


def _rest(onnx_bytes: bytes) -> bytes:
    """Return the model's fields beside the graph."""
    whole, at, kept = memoryview(onnx_bytes), 0, []
    while at < len(whole):
        field, _, end = field_at(whole, at)
        if field != _GRAPH:
            kept.append(whole[at:end])
        at = end
    return b"".join(kept)


def _of_graph(onnx_bytes: bytes) -> Iterator[tuple[int, int | memoryview]]:
    try:
        for field, value in fields(memoryview(onnx_bytes)):
            if field == _GRAPH:
                yield from fields(_bytes(value))
    except IndexError:
        raise ValueError("cut off") from None


def _node(raw: memoryview) -> Node:
    inputs, outputs, operator = [], [], ""
    for field, value in fields(raw):
        if field == _INPUTS:
            inputs.append(_text(value))
        elif field == _OUTPUTS:
            outputs.append(_text(value))
        elif field == _OPERATOR:
            operator = _text(value)
    return Node(operator, tuple(inputs), tuple(outputs), raw)


def _attribute(raw: memoryview) -> tuple[str, Any]:
    name, at = "", 0
    content: Any = None
    while at < len(raw):
        if raw[at] == _INTS_TAG:
            # A tag before each of 90,000 numbers: what is left is nothing but numbers.
            pairs = varints(raw[at:]).reshape(-1, 2)
            return name, pairs[pairs[:, 0] == _INTS_TAG, 1]
        field, value, at = field_at(raw, at)
        if field == _NAME:
            name = _text(value)
        elif field == _INT:
            content = value
        elif field == _INTS:
            content = varints(_bytes(value))
        elif field == _TENSOR:
            content = _tensor(_bytes(value))
    return name, content


def _tensor(raw: memoryview) -> NDArray[Any]:
    """Return the numbers of a tensor that holds them as raw bytes, flat."""
    kind, content = 0, memoryview(b"")
    for field, value in fields(raw):
        if field == _DATA_TYPE:
            kind = value if isinstance(value, int) else 0
        elif field == _RAW:
            content = _bytes(value)
    if kind not in _TYPES:
        raise ValueError(f"a tensor of type {kind}")
    return np.frombuffer(content, dtype=np.dtype(_TYPES[kind]).newbyteorder("<"))


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a message is no number")
    return value


def _text(value: int | memoryview) -> str:
    return str(_bytes(value), "utf-8")
