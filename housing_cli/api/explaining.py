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

from housing_cli.api.comparables import Comparables
from housing_cli.api.explainer import contributions, load_explainer, training_rows
from housing_cli.api.failures import NotFinite, Overloaded
from housing_cli.api.served import NOT_FINITE, give_memory_back
from housing_cli.registry.audit import refusing

if TYPE_CHECKING:
    from housing_cli.api.gatherer import Row
    from housing_cli.api.predictor import Predictor
    from housing_cli.api.served import Served
    from housing_cli.data.kinds import Value
    from housing_cli.model.explanation import Explainer
    from housing_cli.registry import RegistryReader

MAX_WAITING = 64
"""Explanations that wait for the one thread; more are answered 503."""


class Explanations:
    """Answers `/explain` for the version that `predictor` serves, one at a time in a thread.

    comparables: answers show the training rows that are most like the one asked about.
    """

    def __init__(
        self, predictor: Predictor, registry: RegistryReader, *, comparables: bool = False
    ) -> None:
        self._predictor = predictor
        self._registry = registry
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="explain")
        self._waiting = 0
        self._comparables = comparables
        self._known: tuple[str, Explainer, Comparables | None] | None = None

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

    def _loaded(self, served: Served) -> tuple[Explainer, Comparables | None]:
        if self._known is None or self._known[0] != served.name:
            self._known = None  # before the next one is read: never two in memory
            version, wanted = served.version, self._comparables
            explainer = load_explainer(self._registry, version, served.model, with_leaves=wanted)
            found = None
            if wanted and explainer.has_leaves:
                rows = training_rows(self._registry, version)
                with refusing(version):
                    found = Comparables(explainer, rows, served.schema)
            give_memory_back()
            self._known = (served.name, explainer, found)
        return self._known[1:]

    def _answer(self, served: Served, row: Row, values: Sequence[Value]) -> bytes:
        explainer, comparables = self._loaded(served)
        (price,) = served.model.score_few([row])
        found = explainer.explain(np.array([row], dtype=np.float64))
        if not (math.isfinite(price) and math.isfinite(found.base)):
            raise NotFinite(f"{NOT_FINITE} this row")
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
        if comparables is not None:
            answer["comparables"] = comparables.nearest(row)
        return msgspec.json.encode(answer)
