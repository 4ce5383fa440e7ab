"""The compiled model: one ONNX Runtime session on one thread.

The graph holds imputer and trees (`export.py` writes it). Measured for 300 trees and 13 features:
scikit-learn 17 ms a row; `session.run` 22 us, of which 10 us are the Python wrapper's; the same
call with bound buffers 12 us. A row alone therefore goes through bound buffers, a batch through
`run`, which releases the interpreter lock: other threads keep their pace meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from housing_cli.errors import VersionCorrupt

# Beyond float32's range a number would become infinite; no tree splits out there.
_HIGHEST: Final = float(np.finfo(np.float32).max)

# 24 bits of a float32 are at least 7 digits, and 2**53 holds what is rounded below.
_ROUNDABLE: Final = 1e6
_DECIMALS: Final = 10
_FEW: Final = 32

CHUNK_ROWS: Final = 512
"""Rows of one ONNX Runtime call: about 4 ms of 300 trees, and no slower in total than one call."""


class CompiledModel:
    """A scored graph with one input float32 `[n, k]` and one output float32 `[n, 1]`.

    `score` may be called by many threads at once, `score_row` too, though they then take turns.
    Prices are in the target's unit (Boston: thousands of US dollars).

    Raises:
        VersionCorrupt: the bytes are no ONNX graph of this shape.
    """

    def __init__(self, onnx_bytes: bytes, n_features: int, threads: int = 1) -> None:
        self.n_features = n_features
        self._session = _open_session(onnx_bytes, threads)
        self._input, self._output = _names(self._session, n_features)
        self._row64 = np.zeros((1, n_features), dtype=np.float64)
        self._row32 = np.zeros((1, n_features), dtype=np.float32)
        self._turn = threading.Lock()
        self._binding = self._bind()

    def _bind(self) -> Any:
        """Return a binding whose input is `_row32` itself, so that a row is written in place."""
        from onnxruntime import OrtValue

        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._input, OrtValue.ortvalue_from_numpy(self._row32))
        price = OrtValue.ortvalue_from_numpy(np.zeros((1, 1), dtype=np.float32))
        binding.bind_ortvalue_output(self._output, price)
        self._price = price
        return binding

    def score_row(self, values: Sequence[float | None]) -> float:
        """Return the price of one row; `None` and NaN are imputed by the graph.

        Raises:
            VersionCorrupt: the runtime failed on a graph that it had accepted.
        """
        row64, row32 = self._row64, self._row32
        with self._turn:
            row64[0] = values
            np.minimum(row64, _HIGHEST, out=row64)
            np.maximum(row64, -_HIGHEST, out=row64)
            row32[...] = row64
            try:
                self._session.run_with_iobinding(self._binding)
            except Exception as error:
                raise _corrupt(error) from error
            # The text of a float32 is its shortest decimal: 21.604834, not 21.604833602905273.
            return float(str(self._price.numpy()[0, 0]))

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prices (n,) of `rows` (n, k); NaN is imputed by the graph.

        Raises:
            VersionCorrupt: the runtime failed on a graph that it had accepted.
        """
        prices = np.empty(len(rows), dtype=np.float64)
        for start in range(0, len(rows), CHUNK_ROWS):
            scored = self.run(prepared(rows[start : start + CHUNK_ROWS]))
            prices[start : start + CHUNK_ROWS] = shortest(scored)
        return prices

    def run(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the prices (n,) of `prepared` rows (n, k) from one call of the runtime.

        It lets go of the interpreter lock once. A thread that works beside a busy one waits for the
        lock each time it wants it back, and NumPy gives it up in every step.

        Raises:
            VersionCorrupt: the runtime failed on a graph that it had accepted.
        """
        try:
            (scored,) = self._session.run([self._output], {self._input: rows})
        except Exception as error:
            raise _corrupt(error) from error
        prices: NDArray[np.float32] = scored[:, 0]
        return prices

    def check_golden(
        self,
        inputs: Sequence[Sequence[float | None]],
        outputs: Sequence[float],
        tolerance: float = 1e-4,
    ) -> None:
        """Raise `VersionCorrupt` unless `inputs` give `outputs`, both one by one and together."""
        if not inputs:
            return
        rows = np.array(inputs, dtype=np.float64).reshape(len(inputs), -1)
        if rows.shape[1] != self.n_features or len(outputs) != len(inputs):
            raise VersionCorrupt("the golden rows do not have the shape of the model")
        expected = np.asarray(outputs, dtype=np.float64)
        together = self.score(rows)
        alone = np.array([self.score_row(row) for row in inputs])
        worst = float(np.max(np.abs(np.stack([together, alone]) - expected)))
        if not worst <= tolerance:
            raise VersionCorrupt(
                f"golden rows differ from what was recorded by {worst:.3g}",
                "train again, or promote another version",
                {"difference": worst, "tolerance": tolerance},
            )


def prepared(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return rows as the graph takes them: what float32 cannot hold becomes its limit."""
    return np.clip(rows, -_HIGHEST, _HIGHEST).astype(np.float32)


def shortest(prices: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return float64 values whose `repr` is the shortest decimal of the float32 ones.

    A few are read from their texts, at 1.5 to 3 us each. For many that would take a quarter of what
    scoring 300 trees takes; they are rounded to 0, 1, 2, ... decimals until the float32 comes back,
    at 0.1 to 0.6 us each. Numbers that are too large or too small to round have texts again.
    """
    if len(prices) < _FEW:
        return np.array([float(str(price)) for price in prices], dtype=np.float64)
    found = prices.astype(np.float64)
    roundable = np.abs(found) < _ROUNDABLE
    unsure = np.flatnonzero(roundable)
    for decimals in range(_DECIMALS):
        rounded = np.round(found[unsure], decimals)
        same = rounded.astype(np.float32) == prices[unsure]
        found[unsure[same]] = rounded[same]
        unsure = unsure[~same]
        if not unsure.size:
            break
    for place in (*unsure, *np.flatnonzero(~roundable)):
        found[place] = float(str(prices[place]))
    return found


def _open_session(onnx_bytes: bytes, threads: int) -> Any:
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
        raise VersionCorrupt(
            "the compiled model cannot be loaded", "train again, or promote another version"
        ) from error


def _names(session: Any, n_features: int) -> tuple[str, str]:
    """Return the names of the one input and the one output, after checking their shapes."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise VersionCorrupt("the compiled model does not have one input and one output")
    source, target = inputs[0], outputs[0]
    if source.type != "tensor(float)" or list(source.shape)[1:] != [n_features]:
        raise VersionCorrupt(
            f"the compiled model takes {source.type} {source.shape}, not {n_features} features"
        )
    if target.type != "tensor(float)" or list(target.shape)[1:] != [1]:
        raise VersionCorrupt("the compiled model does not give one price a row")
    return str(source.name), str(target.name)


def _corrupt(error: Exception) -> VersionCorrupt:
    reason = str(error).splitlines()[0][:200]
    return VersionCorrupt(f"the compiled model failed: {reason}")
