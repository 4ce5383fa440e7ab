"""What can be read is answered here; FastAPI's routes get the rest, and the word on what is wrong.

Raw body, msgspec, Predictor, encoded answer. Of the 120 us of the processor that a request takes
inside the application, FastAPI's layers behind this one (routing, exceptions, exit stacks) would be
24, and its own reading and answering 95 more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from housing_cli.api.gatherer import UNMARKED, Mark
from housing_cli.api.http import bodies
from housing_cli.pages.languages import preferred

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from housing_cli.api.explaining import Explanations
    from housing_cli.api.predictor import Predictor

MESSAGES = {"es": "Valor real actualizado correctamente", "en": "Real price updated"}
"""What answers a real price, by language; the first is for whoever asks for none of them."""
JSON_TYPES = frozenset(
    (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
)
_JSON = (b"content-type", b"application/json")

Answer = Callable[[bytes, bytes | None], Awaitable[bytes | None]]
"""Makes the body of an answer out of that of a request; `None` for one that it cannot read.

Beside the body it takes what the header `ROUTE` says, `None` without it.
"""
ROUTE: Final = b"x-housing-route"
"""Requests with the same value are answered by the same arm while a canary is tried."""


def answers(predictor: Predictor, readers: bodies.Bodies) -> dict[str, Answer]:
    """Return what answers the bodies that are posted to each path; rows are those of `readers`."""
    encode = msgspec.json.encode

    async def predict(body: bytes, route: bytes | None) -> bytes | None:
        read = readers.row(body)
        if read is None:
            return None
        row, house = read
        mark = UNMARKED if route is None and house is None else Mark(route, house)
        return encode(await predictor.predict(row, mark))

    async def predict_batch(body: bytes, route: bytes | None) -> bytes | None:
        return await predictor.predict_batch(lambda: readers.batch(body), route)

    async def feedback(body: bytes, _: bytes | None) -> bytes | None:
        read = bodies.feedback(body)
        return None if read is None else encode(await label(predictor, read.id, read.real_price))

    return {"/predict": predict, "/predict/batch": predict_batch, "/feedback": feedback}


def explains(explanations: Explanations, readers: bodies.Bodies) -> dict[str, Answer]:
    """Return what answers `/explain`; readers: that tell nobody of unknown words."""

    async def explain(body: bytes, _: bytes | None) -> bytes | None:
        read = readers.valued(body)
        return None if read is None else await explanations.explain(*read)

    return {"/explain": explain}


async def label(
    predictor: Predictor, prediction_id: str, real_price: float, languages: str = ""
) -> dict[str, str]:
    """Record a real price; return what answers that, in the best of `languages`.

    languages: as the header `Accept-Language` has them, such as `fr, en;q=0.8`.
    """
    made = await predictor.feedback(prediction_id, real_price)
    return {
        "message": MESSAGES[spoken(languages)],
        "id": prediction_id.lower(),
        "status": made.outcome,
    }


def spoken(languages: str) -> str:
    """Return the key of `MESSAGES` that a header `Accept-Language` asks for most."""
    return preferred(languages, list(MESSAGES))


class Direct:
    """Looks up the path in `answers`, which may come to hold others while the server runs."""

    def __init__(self, app: ASGIApp, answers: Mapping[str, Answer]) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose body `Bounded` has read, or let the routes do it."""
        posted = scope.get("housing.body")
        answer = None
        if posted is not None:
            headers = scope["housing.headers"]
            # Of a header that is there twice FastAPI takes the first, a mapping the last.
            plain = headers.get(b"content-type") in JSON_TYPES
            plain = plain and len(headers) == len(scope["headers"])
            # Programs ask for no language: what browsers do costs them nothing.
            if b"accept-language" in headers and scope["housing.path"] == "/feedback":
                plain = False
            if plain:
                answer = await self._answers[scope["housing.path"]](posted, headers.get(ROUTE))
        if answer is None:
            await self._app(scope, receive, send)
            return
        fields = [_JSON, (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": answer})
