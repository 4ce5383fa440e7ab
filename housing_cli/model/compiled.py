"""The compiled model: one ONNX Runtime session on one thread.

The graph holds imputer and trees (`export.py` writes it). Measured for 300 trees and 13 features:
scikit-learn 17 ms a row; `session.run` 22 us, of which 10 us are the Python wrapper's; the same
call with bound buffers 12 us. A few rows therefore go through bound buffers, a batch through
`run`, which works on arrays that other threads have made ready.

A graph may also hold a model of the errors' spread (`learning/spread.py`), whose result is not
among the outputs that its file names: programs that know nothing of it read the file as ever.
Encoded messages of Protocol Buffers merge when they stand one behind the other, so that a few bytes
behind the file name the second output. One call then gives both.
"""

from __future__ import annotations

import math
import os
import struct
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from housing_cli.errors import VersionCorrupt
from housing_cli.model.external import reads_other_files
from housing_cli.model.graph import beginning
from housing_cli.model.protobuf import message

HIGHEST: Final = float(np.finfo(np.float32).max)
"""Beyond float32's range a number would become infinite; no tree splits out there."""

FEW_ROWS: Final = 64
"""The most rows of one call of `score_few`."""
CHUNK_ROWS: Final = 512
"""Rows of one ONNX Runtime call: about 4 ms of 300 trees, and no slower in total than one call."""
LOG_SPREAD: Final = "log_spread"
"""The name of a graph's result that says how large errors usually are for a row: the logarithm of
the spread, double `[n, 1]`, as the trees sum it; a spread of 1 is the mean over the training rows.
Two more nodes that made the spread of it cost 2 of 34 us a row, `exp` costs 0.1."""


RETRAIN: Final = "train again, or promote another version"


# ModelProto.graph (7) with one more GraphProto.output (12), a ValueInfoProto of name (1) and type
# (2): a TypeProto.tensor_type (1) whose elem_type (1) is 11, double.
_SPREAD_OUTPUT: Final = message(
    7, message(12, message(1, LOG_SPREAD.encode()) + message(2, message(1, b"\x08\x0b")))
)


class CompiledModel:
    """A scored graph with one input float32 `[n, k]` and one output float32 `[n, 1]`.

    All may be called by many threads at once, though those of `score_few` take turns.
    Prices are in the target's unit (Boston: thousands of US dollars). spreads: ask for
    `LOG_SPREAD` too, which the graph must hold then; without, every spread is 1.

    Raises:
        VersionCorrupt: the bytes are no ONNX graph of this shape.
    """

    def __init__(
        self, onnx_bytes: bytes, n_features: int, threads: int = 1, *, spreads: bool = False
    ) -> None:
        self.n_features = n_features
        self.spreads = spreads
        self._session = _open_session(onnx_bytes + _SPREAD_OUTPUT * spreads, threads)
        self._input, self._outputs = _names(self._session, n_features, 1 + spreads)
        self._row = struct.Struct(f"{n_features}f")
        self._rows = np.zeros((FEW_ROWS, n_features), dtype=np.float32)
        self._memory = memoryview(self._rows)  # type: ignore[arg-type]  # a buffer in 3.12's words
        self._prices = np.empty((FEW_ROWS, 1), dtype=np.float32)
        self._log_spreads = np.zeros((FEW_ROWS, 1))
        self._bindings: list[Any] = [None] * (FEW_ROWS + 1)
        self._turn = threading.Lock()

    def _binding(self, rows: int) -> Any:
        """Return a binding of the buffers' first `rows` rows, read and written in place."""
        if self._bindings[rows] is None:
            from onnxruntime import OrtValue

            binding = self._bindings[rows] = self._session.io_binding()
            read = OrtValue.ortvalue_from_numpy(self._rows[:rows])
            binding.bind_ortvalue_input(self._input, read)
            results: tuple[NDArray[Any], ...] = (self._prices, self._log_spreads)
            for name, result in zip(self._outputs, results, strict=False):
                binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(result[:rows]))
        return self._bindings[rows]

    def score_few(self, rows: Sequence[Sequence[float | None]]) -> list[float]:
        """Return the prices of 1 to `FEW_ROWS` rows; `None` and NaN are imputed by the graph.

        Raises:
            VersionCorrupt: the runtime failed on a graph that it had accepted.
        """
        return self.scored_few(rows)[0]

    def scored_few(self, rows: Sequence[Sequence[float | None]]) -> tuple[list[float], list[float]]:
        """Return prices as `score_few`, and the spreads of the rows' errors."""
        with self._turn:
            return self._scored_few(rows)

    def scored_and_kept(
        self, rows: Sequence[Sequence[float | None]]
    ) -> tuple[list[float], list[float], NDArray[np.float32]]:
        """Return what `scored_few` does, and the rows as `run` takes them (n, k).

        For another model of the same features: to copy what was made ready costs 1 us.
        """
        with self._turn:
            return *self._scored_few(rows), self._rows[: len(rows)].copy()

    def _scored_few(
        self, rows: Sequence[Sequence[float | None]]
    ) -> tuple[list[float], list[float]]:
        count = len(rows)
        try:  # a fifth of NumPy's time, where there is a number for each feature
            for position, row in enumerate(rows):
                self._row.pack_into(self._memory, position * self._row.size, *row)
        except (struct.error, OverflowError):
            self._rows[:count] = prepared(np.array(rows, dtype=np.float64))
        try:
            self._session.run_with_iobinding(self._binding(count))
        except Exception as error:
            raise _corrupt(error) from error
        prices = shortest(self._prices[:count, 0])
        if not self.spreads:
            return prices, [1.0] * count
        return prices, list(map(math.exp, self._log_spreads[:count, 0].tolist()))

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prices (n,) of `rows` (n, k); NaN is imputed by the graph.

        Raises:
            VersionCorrupt: the runtime failed on a graph that it had accepted.
        """
        return self.scored(rows)[0]

    def scored(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return prices as `score`, and the spreads (n,) of the rows' errors."""
        prices, spreads = np.empty(len(rows)), np.empty(len(rows))
        for start in range(0, len(rows), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            found, spreads[part] = self.run(prepared(rows[part]))
            prices[part] = shortest(found)
        return prices, spreads

    def run(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return prices (n,) and spreads (n,) of `prepared` rows (n, k) from one runtime's call.

        It lets go of the interpreter lock once. A thread that works beside a busy one waits for the
        lock each time it wants it back, and NumPy gives it up in every step.

        Raises:
            VersionCorrupt: the runtime failed on a graph that it had accepted.
        """
        try:
            found = self._session.run(self._outputs, {self._input: rows})
        except Exception as error:
            raise _corrupt(error) from error
        prices: NDArray[np.float32] = found[0][:, 0]
        return prices, np.exp(found[1][:, 0]) if self.spreads else np.ones(len(prices))

    def check_golden(
        self,
        inputs: Sequence[Sequence[float | None]],
        outputs: Sequence[float],
        tolerance: float = 1e-4,
    ) -> None:
        """Raise `VersionCorrupt` unless `inputs` give `outputs`, both one by one and together."""
        if not inputs:
            raise VersionCorrupt(
                "there are no golden rows that would show what the model is to give", RETRAIN
            )
        if any(len(row) != self.n_features for row in inputs):
            raise VersionCorrupt("the golden rows do not have the shape of the model", RETRAIN)
        rows = np.array(inputs, dtype=np.float64).reshape(len(inputs), -1)
        if len(outputs) != len(inputs):
            raise VersionCorrupt("the golden rows do not have the shape of the model", RETRAIN)
        expected = np.asarray(outputs, dtype=np.float64)
        together = self.score(rows)
        alone = np.array([self.score_few([row])[0] for row in inputs])
        worst = float(np.max(np.abs(np.stack([together, alone]) - expected)))
        if not worst <= tolerance:
            raise VersionCorrupt(
                f"golden rows differ from what was recorded by {worst:.3g}",
                RETRAIN,
                {"difference": worst, "tolerance": tolerance},
            )


class Encoder:
    """The first step of a graph alone: it imputes, and makes numbers of words and days.

    result: the name of what it gives, float32 `[n, columns]`. May be called by many threads.

    Raises:
        VersionCorrupt: the graph holds no such step.
    """

    def __init__(self, onnx_bytes: bytes, result: str, columns: int) -> None:
        try:
            first = beginning(onnx_bytes, result)
        except ValueError as error:
            raise VersionCorrupt(f"the compiled model has no step `{result}`", RETRAIN) from error
        self._session = _open_session(first, 1)
        self._names = (self._session.get_inputs()[0].name, result)
        self._columns = columns

    def encode(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the columns (n, m) that the regressor reads of rows (n, k).

        Raises:
            VersionCorrupt: the runtime failed, or there are more or fewer columns.
        """
        source, result = self._names
        try:
            (found,) = self._session.run([result], {source: prepared(rows)})
        except Exception as error:
            raise _corrupt(error) from error
        if found.shape != (len(rows), self._columns):
            raise VersionCorrupt(f"the step `{result}` gives other columns", RETRAIN)
        encoded: NDArray[np.float64] = found.astype(np.float64)
        return encoded


def prepared(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows as the graph takes them: what float32 cannot hold becomes its limit."""
    return np.clip(rows, -HIGHEST, HIGHEST).astype(np.float32)


def fits(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows (n, k) a model can take as they are; NaN fits, infinities do not."""
    beyond: NDArray[np.bool_] = np.abs(rows) > HIGHEST
    return ~np.asarray(beyond.any(axis=1))


def shortest(prices: NDArray[np.float32]) -> list[float]:
    """Return floats whose `repr` is the shortest decimal of the float32 ones, 21.604834 for one.

    What is not finite stays so. orjson words float32 as such: 2 us, and 0.1 us more for each.
    """
    texts = orjson.dumps(np.ascontiguousarray(prices), option=orjson.OPT_SERIALIZE_NUMPY)
    found: list[float | None] = orjson.loads(texts)
    if None in found:  # JSON has no word for these
        return [x if y is None else y for x, y in zip(prices.tolist(), found, strict=True)]
    return found  # type: ignore[return-value]


def _open_session(onnx_bytes: bytes, threads: int) -> Any:
    if reads_other_files(onnx_bytes):
        raise VersionCorrupt(
            "the compiled model keeps numbers in another file, which no hash guards", RETRAIN
        )
    # Its telemetry calls home where there is a network; a server of ours talks to nobody unasked.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what fails is raised, not printed
    try:
        session = onnxruntime.InferenceSession(
            onnx_bytes, options, providers=["CPUExecutionProvider"]
        )
        # It would keep the file's bytes, to start again with another provider if this one failed.
        session.disable_fallback()
        session._model_bytes = None
        return session
    except Exception as error:
        raise VersionCorrupt("the compiled model cannot be loaded", RETRAIN) from error


def _names(session: Any, n_features: int, outputs: int) -> tuple[str, list[str]]:
    """Return the names of the one input and of the outputs, after checking their shapes."""
    inputs, targets = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(targets) != outputs:
        raise VersionCorrupt("the compiled model does not have one input and one output", RETRAIN)
    source, target = inputs[0], targets[0]
    if any(
        one.type != "tensor(double)" or list(one.shape)[1:] not in ([], [1]) for one in targets[1:]
    ):
        raise VersionCorrupt("the compiled model does not give one spread a row", RETRAIN)
    if source.type != "tensor(float)" or list(source.shape)[1:] != [n_features]:
        raise VersionCorrupt(
            f"the compiled model takes {source.type} {source.shape}, not {n_features} features",
            RETRAIN,
        )
    if target.type != "tensor(float)" or list(target.shape)[1:] != [1]:
        raise VersionCorrupt("the compiled model does not give one price a row", RETRAIN)
    return str(source.name), [str(one.name) for one in targets]


def _corrupt(error: Exception) -> VersionCorrupt:
    reason = str(error).splitlines()[0][:200]
    return VersionCorrupt(f"the compiled model failed: {reason}", RETRAIN)
