"""ShortCut: from the bytes of a usual body to the bytes of its answer, without the framework.

Each method returns `None` for a body that it leaves to FastAPI's routes, an answer, or (where the
log may wait) an awaitable of one.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from housing_cli.api.http.bodies import feedback as feedback_body
from housing_cli.api.http.routes import MESSAGE
from housing_cli.errors import LogBusy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housing_cli.api.predictor import Predictor
    from housing_cli.api.served import Served

_FEEDBACK_HEAD = f'{{"message":"{MESSAGE}","id":"'.encode()


class ShortCut:
    """Answers plainly right bodies of the three writing routes."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predict(self, body: bytes) -> bytes | Awaitable[bytes | None] | None:
        """Answer a `/predict` body."""
        predictor = self._predictor
        served = predictor.served
        if served is None:
            return None
        row = served.bodies.row(body)
        if row is None:
            return None
        if predictor.must_wait:
            return self._predict_later(served, row)
        try:
            served, price, prediction_id = predictor.predict_now(row)
        except LogBusy:
            return self._predict_later(served, row)
        return served.answer(price, prediction_id).encode()

    async def _predict_later(self, served: Served, row: Sequence[float | None]) -> bytes:
        made = await self._predictor.predict(row, served)
        return served.answer(made.predicted_price, made.id).encode()

    def predict_batch(self, body: bytes) -> Awaitable[bytes | None] | None:
        """Answer a `/predict/batch` body."""
        served = self._predictor.served
        return None if served is None else self._batch(served, body)

    async def _batch(self, served: Served, body: bytes) -> bytes | None:
        rows = await self._predictor.decode_batch(served, body)
        if rows is None:
            return None
        batch = await self._predictor.predict_batch(served, rows)
        return await self._predictor.word(served, batch)

    def feedback(self, body: bytes) -> Awaitable[bytes] | None:
        """Answer a `/feedback` body."""
        read = feedback_body(body)
        return None if read is None else self._feedback(read.id, read.real_price)

    async def _feedback(self, prediction_id: str, real_price: float) -> bytes:
        made = await self._predictor.feedback(prediction_id, real_price)
        # The id was found, so it is a UUID and needs no escaping.
        return b'%b%b","status":"%b"}' % (
            _FEEDBACK_HEAD,
            prediction_id.lower().encode(),
            made.outcome.encode(),
        )
