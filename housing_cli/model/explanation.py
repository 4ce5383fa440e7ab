"""Why a price: what each feature of a row adds to the mean price of the training rows.

`learning/explaining.py` says at training time what a price is made of: of trees and of linear
models over the columns that the first step of the graph gives, added up with weights; or of
something else, which is sampled. This part reads that and calculates, without scikit-learn.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from housing_cli.model.compiled import CompiledModel, Encoder
from housing_cli.model.shapley import TreeShapley, sampled
from housing_cli.model.trees import Trees, read_trees

Floats = NDArray[np.float64]
Scale = Literal["price", "log"]
BACKGROUND_ROWS = 100
"""Training rows that a sampled explanation replaces values of, each twice."""


class TreePart(msgspec.Struct, frozen=True, tag="trees"):
    """Trees of the graph. result: of their node. covers: how many rows each leaf learned from."""

    result: str
    covers: bytes
    weight: float = 1.0


class LinearPart(msgspec.Struct, frozen=True, tag="linear"):
    """A linear model of the graph's columns (m,), without its intercept."""

    coefficients: list[float]
    weight: float = 1.0


class Explanation(msgspec.Struct, frozen=True):
    """What stands in `explanation.json`.

    encoded: the name of the first step's result in the graph. columns: the place of the feature
    that each of its columns is made of; means: of the columns over the training rows, where a part
    is linear. parts: what is added up with `intercept` to a price, where that is all; else empty:
    the values are sampled. scale: `log` where the sum is the logarithm of a price, so that features
    multiply.
    """

    encoded: str
    columns: list[int]
    parts: list[TreePart | LinearPart] = []
    intercept: float = 0.0
    means: list[float] = []
    scale: Scale = "price"

    @classmethod
    def from_json(cls, raw: bytes) -> Explanation:
        """Return what `to_json` wrote. Raises ValueError for anything else."""
        try:
            return msgspec.json.decode(raw, type=cls)
        except RecursionError as error:
            raise ValueError("no explanation") from error

    def to_json(self) -> bytes:
        """Return the bytes that stand in the version's `explanation.json`."""
        return msgspec.json.encode(self)


def background_of(features: Floats) -> Floats:
    """Return the training rows of (n, k) that a sampled explanation looks at, spread over all."""
    return features[:: max(1, len(features) // BACKGROUND_ROWS)][:BACKGROUND_ROWS]


def packed(covers: Sequence[int] | NDArray[np.int64]) -> bytes:
    """Return counts in few bytes: 300 trees with 92,000 leaves have 29 KB."""
    return zlib.compress(np.asarray(covers, dtype="<u4").tobytes())


def unpacked(covers: bytes, count: int) -> NDArray[np.int64]:
    """Return the `count` numbers that `packed` was given. Raises ValueError for anything else."""
    unzip = zlib.decompressobj()
    try:
        found = unzip.decompress(covers, 4 * count + 1)  # whatever it says, no more than that
    except zlib.error as error:
        raise ValueError("counts that cannot be read") from error
    if len(found) != 4 * count:
        raise ValueError("not as many counts as leaves")
    return np.frombuffer(found, dtype="<u4").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Explained:
    """Why n rows have their prices.

    contributions: (n, k), in the order of the features. On the scale `price` they are in the
    target's unit: `base` and those of a row add up to its price. On the scale `log` they are
    factors: `base` times those of a row is its price.
    """

    base: float
    contributions: Floats
    scale: Scale = "price"

    def prices(self) -> Floats:
        """Return the prices (n,) that base and contributions make up."""
        if self.scale == "log":
            return np.asarray(self.base * self.contributions.prod(axis=1))
        return np.asarray(self.base + self.contributions.sum(axis=1))


class Explainer:
    """Explains rows of features by one version's compiled model.

    onnx_bytes: of the whole file. model: the same, loaded. background: training rows (b, k), which
    only a sampled explanation needs. with_leaves: keep what `leaves` needs, 40 bytes a node.
    Building takes a tenth of a second for 300 trees; many threads may use one. Raises ValueError
    where the parts do not fit together.
    """

    def __init__(
        self,
        explanation: Explanation,
        onnx_bytes: bytes,
        model: CompiledModel,
        background: Floats | None = None,
        *,
        with_leaves: bool = False,
    ) -> None:
        self._model = model
        self.exact = bool(explanation.parts)
        self.scale: Scale = explanation.scale
        self._columns = np.array(explanation.columns)
        self._background = background
        self._trees: list[tuple[float, TreeShapley]] = []
        self._parted: list[Trees] = []
        self._with_leaves = with_leaves
        self._slopes = np.zeros(len(self._columns))
        self._means = np.array(explanation.means or self._slopes)
        if not self.exact:
            if background is None or not len(background):
                raise ValueError("no training rows to sample from")
            return
        self._encoder = Encoder(onnx_bytes, explanation.encoded, len(self._columns))
        self._read(explanation, read_trees(onnx_bytes))

    def _read(self, explanation: Explanation, trees: dict[str, Trees]) -> None:
        self.base = explanation.intercept
        for part in explanation.parts:
            if isinstance(part, TreePart):
                own = trees.get(part.result)
                if own is None:
                    raise ValueError(f"no trees give `{part.result}`")
                if len(own.feature) and own.feature.max() >= len(self._columns):
                    raise ValueError("trees look at more columns than there are")
                shapley = TreeShapley(own, unpacked(part.covers, len(own.value)))
                self._trees.append((part.weight, shapley))
                if self._with_leaves:
                    self._parted.append(own)
                self.base += part.weight * shapley.base
            else:
                self._slopes += part.weight * np.array(part.coefficients)
        self.base += float(self._slopes @ self._means)

    def explain(self, rows: Floats) -> Explained:
        """Return why rows (n, k) of numbers and codes have their prices; NaN is missing."""
        if not self.exact:
            return self._sampled(rows)
        encoded = self._encoder.encode(rows)
        found = np.zeros((len(rows), self._model.n_features))
        for place, row in enumerate(encoded):
            values = self._slopes * (row - self._means)
            for weight, shapley in self._trees:
                values += weight * shapley.values(row)
            found[place] = np.bincount(self._columns, values, self._model.n_features)
        return self._scaled(self.base, found)

    @property
    def has_leaves(self) -> bool:
        """Return whether `leaves` gives any: the model is made of trees, and they were kept."""
        return bool(self._parted)

    def leaves(self, rows: Floats) -> NDArray[np.int64]:
        """Return the leaf (n, T) of each of the rows (n, k) in each tree; T is 0 without trees."""
        encoded = self._encoder.encode(rows) if self._parted else rows
        found = [trees.leaves(encoded) for trees in self._parted]
        return np.column_stack(found) if found else np.zeros((len(rows), 0), dtype=np.int64)

    def _sampled(self, rows: Floats) -> Explained:
        assert self._background is not None
        prices = self._model.score
        score = prices if self.scale == "price" else lambda each: np.log(prices(each))
        found = [sampled(score, row, self._background) for row in rows]
        values = np.array([value for _, value in found]).reshape(len(rows), -1)
        return self._scaled(found[0][0] if found else 0.0, values)

    def _scaled(self, base: float, values: Floats) -> Explained:
        if self.scale == "price":
            return Explained(base, values)
        return Explained(float(np.exp(base)), np.exp(values), "log")
