"""Explains prices with the served version, beside the event loop, and records nothing.

What an explanation needs beyond a prediction (the trees in arrays, training rows for comparables)
is read from the version at the first request, so that a server that nobody asks holds none of it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from housing_cli.api.failures import NotFinite, Overloaded
from housing_cli.api.served import give_memory_back
from housing_cli.errors import NotExplained
from housing_cli.registry import EXPLANATION_FILE, MODEL_FILE, REFERENCE_FILE
from housing_cli.registry.audit import refusing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.api.gatherer import Row
    from housing_cli.api.predictor import Predictor
    from housing_cli.api.served import Served
    from housing_cli.data.kinds import Value
    from housing_cli.model.compiled import CompiledModel
    from housing_cli.model.explanation import Explained, Explainer, Explanation
    from housing_cli.registry import RegistryReader, Version

    Floats = NDArray[np.float64]

MAX_WAITING = 64
"""Explanations that wait for the one thread; more are answered 503."""
_DIGITS = 9
"""Of the price, to which contributions are rounded: two more than float32 carries."""


class TrainingRows(msgspec.Struct, frozen=True):
    """What `reference.json` says of rows that the version learned from; features by column."""

    features: list[list[float | None]]
    target: list[float]

    def matrix(self) -> Floats:
        """Return the rows (n, k); a missing value is NaN."""
        return np.array(self.features, dtype=np.float64).T


def load_explainer(registry: RegistryReader, version: Version, model: CompiledModel) -> Explainer:
    """Return what explains the prices of `version`, whose compiled model is `model`.

    Its `explain` takes rows (n, k) of numbers and codes in the order of the schema's features, and
    gives a base and what each feature adds to it (`model/explanation.py`).

    Raises:
        NotExplained: the version is of a `housing` that wrote nothing for this.
        VersionCorrupt: a file of it cannot be read, or is not the one that was registered.
    """
    from housing_cli.model.explanation import Explainer

    explanation = _explanation(registry, version)
    raw = registry.read_file(version, MODEL_FILE)
    with refusing(version):
        rows = None if explanation.parts else _background(registry, version)
        return Explainer(explanation, raw, model, rows)


def _explanation(registry: RegistryReader, version: Version) -> Explanation:
    from housing_cli.model.explanation import Explanation

    if EXPLANATION_FILE not in version.metadata.files:
        raise NotExplained(
            f"{version.name} carries nothing that explains its prices: an older `housing` made it",
            "train again with `housing train`, and promote the new version",
        )
    raw = registry.read_file(version, EXPLANATION_FILE)
    with refusing(version):
        return Explanation.from_json(raw)


def training_rows(registry: RegistryReader, version: Version) -> TrainingRows:
    """Return the training rows that `version` carries. Raises `VersionCorrupt`."""
    raw = registry.read_file(version, REFERENCE_FILE)
    with refusing(version):
        return msgspec.json.decode(raw, type=TrainingRows)


def _background(registry: RegistryReader, version: Version) -> Floats:
    from housing_cli.model.explanation import background_of

    return background_of(training_rows(registry, version).matrix())


class Explanations:
    """Answers `/explain` for the version that `predictor` serves, one at a time in a thread."""

    def __init__(self, predictor: Predictor, registry: RegistryReader) -> None:
        self._predictor = predictor
        self._registry = registry
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")
        self._waiting = 0
        self._known: tuple[str, Explainer] | None = None

    async def explain(self, row: Row, values: Sequence[Value]) -> bytes:
        """Return the body that answers a row; values: its features as the client sent them.

        Raises `NoModel`, `NotExplained`, `NotFinite`, `Overloaded`, `VersionCorrupt`.
        """
        served = self._predictor.current()
        if self._waiting >= MAX_WAITING:
            raise Overloaded("too many explanations are waiting", "try again later")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._answer, served, row, values)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let what is being explained end."""
        self._thread.shutdown()

    def _explainer(self, served: Served) -> Explainer:
        if self._known is None or self._known[0] != served.name:
            self._known = None  # before the next one is read: never two in memory
            found = load_explainer(self._registry, served.version, served.model)
            give_memory_back()
            self._known = (served.name, found)
        return self._known[1]

    def _answer(self, served: Served, row: Row, values: Sequence[Value]) -> bytes:
        explainer = self._explainer(served)
        (price,) = served.model.score_few([row])
        found = explainer.explain(np.array([row], dtype=np.float64))
        if not (math.isfinite(price) and math.isfinite(found.base)):
            raise NotFinite("the model gives no finite price for this row")
        schema = served.schema
        answer: dict[str, Any] = {
            "predicted_price": price,
            "model_version": served.name,
            "target": schema.target,
            "scale": found.scale,
            "exact": explainer.exact,
            **contributions(found, 0, schema.features, values),
        }
        if outside := served.outside(row):
            answer["outside"] = outside
        return msgspec.json.encode(answer)


def contributions(
    found: Explained, place: int, features: Sequence[str], values: Sequence[Value]
) -> dict[str, Any]:
    """Return `base` and `contributions` of one row of `found`, the largest first.

    They are rounded far below what float32 tells of the price, so that their sum is the price; on
    the scale `log` a `factor` stands for each `contribution`, and their product is.
    """
    given = found.contributions[place]
    if found.scale == "log":
        order, word = np.argsort(-np.abs(np.log(given)), kind="stable"), "factor"
    else:
        order, word = np.argsort(-np.abs(given), kind="stable"), "contribution"
    base, *told = rounded(found, place)
    listed = [{"feature": features[k], "value": values[k], word: told[k]} for k in order.tolist()]
    return {"base": base, "contributions": listed}


def rounded(found: Explained, place: int) -> list[float]:
    """Return the base and the contributions of one row of `found`, far finer than float32."""
    told, digits = [found.base, *found.contributions[place].tolist()], _DIGITS
    if found.scale == "price":
        digits -= 1 + math.floor(math.log10(max(1e-30, *map(abs, told))))
    return [round(value, digits) for value in told]
