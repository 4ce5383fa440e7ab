"""Whether an ONNX graph reads other files: tensors may say that their numbers lie beside the model.

Such a file has no hash anywhere, and whoever swaps it swaps the model. The runtime opens it
relative to the current directory; there is no option that forbids it. Serving has no `onnx`, whose
checker would not look into every tensor either, so that the message is walked here.

To walk 300 trees takes a second. Without the word `location` the runtime opens nothing, as that is
the key of the file's name: only a message with the word in it is walked.
"""

from __future__ import annotations

from typing import Final

from housing_cli.model.protobuf import fields

_KEY: Final = b"location"
_ORT_FORMAT: Final = b"ORTM"
"""The runtime's own format, which also takes numbers from elsewhere; it is never written here."""

_FIELDS: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""By kind of message: which fields lead to a tensor, and what kind they hold."""
_EXTERNAL_DATA: Final = 13
_DATA_LOCATION: Final = 14


def reads_other_files(onnx_bytes: bytes) -> bool:
    """Return whether a tensor of the model lies in another file, in whichever subgraph it is.

    True also for bytes that are no message of Protocol Buffers and name a place.
    """
    if onnx_bytes[4:8] == _ORT_FORMAT:
        return True
    if _KEY not in onnx_bytes:
        return False
    try:
        return _external(memoryview(onnx_bytes), "model")
    except (ValueError, IndexError, RecursionError):
        return True


def _external(message: memoryview, kind: str) -> bool:
    for field, value in fields(message):
        if kind == "tensor":
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                return True
        elif field in _FIELDS[kind]:
            if not isinstance(value, memoryview):
                raise ValueError("a message is no number")
            if _external(value, _FIELDS[kind][field]):
                return True
    return False
