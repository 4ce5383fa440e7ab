"""The paths of the dashboard, who may ask for them, and the files that its pages load."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.staticfiles import StaticFiles

import housing_cli.pages
from housing_cli.api.dashboard.access import CHALLENGE, Access
from housing_cli.api.http.errors import json_response

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from housing_cli.api.dashboard.answers import Dashboard

logger = logging.getLogger("housing.serve")

STATIC: Final = "/dashboard/static"
_FILES: Final = Path(housing_cli.pages.__file__).with_name("static")
_FOREVER: Final = (b"cache-control", b"public, max-age=31536000, immutable")


class _Kept(StaticFiles):
    """Files whose address changes with them, for those who may see the page."""

    def __init__(self, access: Access) -> None:
        super().__init__(directory=_FILES)
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if refused := _refusal(self._access, scope):
            return await refused(scope, receive, send)

        async def send_kept(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:  # noqa: PLR2004
                message["headers"] = [*message["headers"], _FOREVER]
            await send(message)

        await super().__call__(scope, receive, send_kept)


def add_dashboard(app: FastAPI, dashboard: Dashboard) -> None:
    """Put the pages on their paths; they are no part of the API's description."""
    paths = {
        "/": (dashboard.page, "GET"),
        "/dashboard/now": (dashboard.now, "GET"),
        "/dashboard/explain": (dashboard.explain, "GET"),
        "/dashboard/house": (dashboard.house, "POST"),
        "/dashboard/price": (dashboard.price, "POST"),
    }
    for path, (answer, method) in paths.items():
        app.add_route(
            path, _guarded(dashboard.access, answer), methods=[method], include_in_schema=False
        )
    app.mount(STATIC, _Kept(dashboard.access), name="dashboard-static")


def _guarded(
    access: Access, answer: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Return a route that answers those who may see it."""

    async def guarded(request: Request) -> Response:
        return _refusal(access, request.scope) or await answer(request)

    return guarded


def _refusal(access: Access, scope: Scope) -> Response | None:
    """Return the answer to who may not see the page."""
    if why := access.why_off(scope):
        return json_response({"detail": why}, 404)
    if refused := access.refuses(scope["housing.headers"]):
        client, _ = scope.get("client") or (None, None)
        said = {"reason": refused, "client": client, "path": scope["housing.path"]}
        logger.warning("key_refused", extra=said)
        detail = "an API key is required: any user name, and the key as the password"
        return json_response({"detail": detail}, 401, www_authenticate=CHALLENGE)
    return None
