"""How every failure is answered."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

import msgspec
from fastapi.exception_handlers import request_validation_exception_handler
from starlette.responses import Response

from housing_cli.api.failures import (
    BatchTooLarge,
    BodyRefused,
    BodyTooLarge,
    BodyTooSlow,
    NoModel,
    NotFinite,
    Overloaded,
)
from housing_cli.errors import (
    HousingError,
    LogSchemaMismatch,
    LogUnavailable,
    NotExplained,
    UnknownPrediction,
    VersionCorrupt,
)

if TYPE_CHECKING:
    from fastapi.exceptions import RequestValidationError
    from starlette.requests import Request


STATUS: Final[dict[type[HousingError], int]] = {
    UnknownPrediction: 404,
    BodyTooSlow: 408,
    NotExplained: 409,
    BodyTooLarge: 413,
    BatchTooLarge: 413,
    NotFinite: 422,
    LogUnavailable: 503,
    LogSchemaMismatch: 503,
    VersionCorrupt: 503,
    NoModel: 503,
    Overloaded: 503,
}
"""Any other known failure is a 500: it says nothing about the request."""

_BUSY: Final = 503
_ECHO_BYTES: Final = 64 * 1024
_MOST_ERRORS: Final = 100
_MOST_TEXT: Final = 500


def json_response(content: object, status: int = 200, **headers: str) -> Response:
    """Return an answer of JSON; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(msgspec.json.encode(content), status, named, "application/json")


def failure(error: HousingError) -> Response:
    """Return the answer to a known failure."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    content = {"detail": error.message} | ({"hint": error.hint} if error.hint else {})
    headers = {"retry_after": "1"} if status == _BUSY else {}
    if isinstance(error, BodyTooLarge | BodyTooSlow | BodyRefused):
        headers["connection"] = "close"  # what is still coming is not waited for
    return json_response(content, status, **headers)


async def known(_: Request, error: HousingError) -> Response:
    """Answer what a route raised."""
    return failure(error)


async def invalid(request: Request, error: RequestValidationError) -> Response:
    """Answer 422 as FastAPI does, but without the input where JSON cannot word it or it is long.

    JSON has no word for NaN and infinities, for bytes that are no text, and for deep nesting.
    """
    if len(request.scope["housing.body"]) <= _ECHO_BYTES:
        with contextlib.suppress(ValueError, RecursionError):
            return await request_validation_exception_handler(request, error)
    told = [
        {"type": one["type"], "loc": [_cut(part) for part in one["loc"]], "msg": _cut(one["msg"])}
        for one in error.errors()[:_MOST_ERRORS]
    ]
    # The library's own, not msgspec: a key of the body may hold half of a character.
    return Response(json.dumps({"detail": told}), 422, media_type="application/json")


def _cut(part: str | int) -> str | int:
    return part[:_MOST_TEXT] if isinstance(part, str) else part
