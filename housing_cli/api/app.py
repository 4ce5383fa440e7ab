"""create_app: wiring, lifespan, and the table from failures to HTTP statuses.

`uvicorn housing_cli.api.app:app` works too: `app` is made when it is asked for, from
`configs/housing.toml` and `HOUSING_*`. Importing this module reads and opens nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import logging.config
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Security
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPBearer

from housing_cli import __version__, garbage
from housing_cli.api.http import errors, lenient_json
from housing_cli.api.http.auth import ApiKeys
from housing_cli.api.http.docs import add_docs
from housing_cli.api.http.edge import Edge, route_path
from housing_cli.api.http.routes import (
    feedback_router,
    metrics_router,
    operations_router,
    predict_router,
)
from housing_cli.api.metrics import Metrics
from housing_cli.api.predictor import Predictor
from housing_cli.api.process.draining import drain_on_sigterm, end_with_supervisor
from housing_cli.api.process.event_log import log_config
from housing_cli.api.reloader import Reloader
from housing_cli.config import Settings, load_settings
from housing_cli.errors import (
    HousingError,
    LogSchemaMismatch,
    LogUnavailable,
    UnknownPrediction,
    VersionCorrupt,
)
from housing_cli.prediction_log import open_log
from housing_cli.registry import open_registry

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from housing_cli.api.early import EarlyLoad
    from housing_cli.data.schema import FeatureSchema

STATUS: Final[dict[type[HousingError], int]] = {
    UnknownPrediction: 404,
    errors.BodyTooSlow: 408,
    errors.BodyTooLarge: 413,
    errors.BatchTooLarge: 413,
    errors.NotFinite: 422,
    LogUnavailable: 503,
    LogSchemaMismatch: 503,
    VersionCorrupt: 503,
    errors.NoModel: 503,
    errors.Overloaded: 503,
}
"""Any other known failure is a 500: it says nothing about the request."""

RETRY_AFTER: Final = b"1"
SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter from others. A request lets go of it at every system
call; with Python's 5 ms it would wait that long each time while a batch is read or written."""
_ECHO_BYTES: Final = 64 * 1024
_PREDICT_PATHS: Final = ("/predict", "/predict/batch")


class HousingAPI(FastAPI):
    """A FastAPI application behind its `Edge`."""

    edge: Edge | None = None
    predictor: Predictor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the edge answer, and through it FastAPI."""
        if self.edge is None:
            await super().__call__(scope, receive, send)
        else:
            await self.edge(scope, receive, send)


def create_app(
    settings: Settings | None = None,
    early: EarlyLoad | None = None,
    keys: ApiKeys | None = None,
) -> FastAPI:
    """Return the application that serves `settings.serve.version`.

    It starts without a model too, and answers 503 until one is promoted. `early`: the version that
    is being loaded already. `keys`: as the supervisor read them, for a worker that is started while
    their file is away.

    Raises:
        ConfigError: a setting is wrong, for instance the URL of the log.
        ServeError: the file of API keys cannot be read.
    """
    if settings is None:
        settings = load_settings()
    _ensure_logging(settings)
    keys = keys or ApiKeys(settings.api.keys, settings.api.keys_file)
    registry = open_registry(settings)
    metrics = Metrics()
    log = open_log(settings.log.url, settings.schema(), fsync=settings.log.fsync)
    predictor = Predictor(settings, log, metrics)

    app = _without_routes(predictor)
    # The edge enforces the keys; these let OpenAPI say so.
    schemes = (APIKeyHeader(name="X-API-Key", auto_error=False), HTTPBearer(auto_error=False))
    secured = [Security(scheme) for scheme in schemes] if keys.required else []
    most = settings.api.max_batch_rows

    def use_schema(schema: FeatureSchema) -> None:
        """Make the routes whose bodies carry features anew."""
        routes = app.router.routes
        routes[:] = [r for r in routes if getattr(r, "path", None) not in _PREDICT_PATHS]
        made = predict_router(predictor, schema, most, secured)
        routes[:0] = made.routes
        app.openapi_schema = None

    app.include_router(feedback_router(predictor, secured))
    app.include_router(operations_router(predictor))
    protected = secured if settings.api.protect_metrics else []
    app.include_router(metrics_router(predictor, protected))
    add_docs(app)
    reloader = Reloader(predictor, registry, settings, use_schema, early)
    reloader.load()
    if predictor.served is None:
        use_schema(settings.schema())
    app.state.reloader = reloader
    app.edge = Edge(super(HousingAPI, app).__call__, predictor, metrics, keys, settings, respond)
    return app


def _ensure_logging(settings: Settings) -> None:
    """Let what the package says be heard, where another program started the application."""
    if not logging.getLogger("housing").handlers:
        own = log_config(settings.serve.log_level, as_json=settings.serve.access_log)
        own["loggers"].pop("uvicorn")
        logging.config.dictConfig(own)


def _without_routes(predictor: Predictor) -> HousingAPI:
    """Return an application that knows how failures are answered."""
    app = HousingAPI(
        title="housing",
        summary="House prices, each prediction on record",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.predictor = predictor
    app.add_exception_handler(HousingError, _known_failure)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _invalid)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, _bug)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: HousingAPI) -> AsyncIterator[None]:
    """Follow promotions while the application runs; at the end write what waits."""
    sys.setswitchinterval(SWITCH_SECONDS)
    garbage.resume()
    watch = asyncio.create_task(app.state.reloader.watch())
    with drain_on_sigterm(app.predictor), end_with_supervisor():
        yield
    app.predictor.drain()
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch
    await asyncio.to_thread(app.predictor.close)


def respond(error: HousingError) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Return status, body and headers for a known failure."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    content = {"detail": error.message}
    if error.hint:
        content["hint"] = error.hint
    headers = [(b"retry-after", RETRY_AFTER)] if status == 503 else []  # noqa: PLR2004
    return status, json.dumps(content, separators=(",", ":")).encode(), headers


async def _known_failure(_: Request, error: HousingError) -> Response:
    status, body, headers = respond(error)
    return JSONResponse(
        json.loads(body), status, {name.decode(): value.decode() for name, value in headers}
    )


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Answer 422 as FastAPI does, and where that cannot be written as JSON, nearly so."""
    predictor: Predictor = request.app.predictor
    if route_path(request.scope) in _PREDICT_PATHS:
        name = predictor.served.name if predictor.served else "none"
        predictor.metrics.not_predicted(name, "invalid")
    else:
        predictor.metrics.not_labeled("invalid")
    if request.scope.get("housing.body_bytes", 0) <= _ECHO_BYTES:
        with contextlib.suppress(ValueError, RecursionError):
            return await request_validation_exception_handler(request, error)
    return JSONResponse({"detail": lenient_json.echo(error.errors())}, 422)


async def _bug(_: Request, __: Exception) -> Response:
    return JSONResponse({"detail": "Internal Server Error"}, 500)


def __getattr__(name: str) -> Any:
    if name == "app":
        made = globals()["app"] = create_app()
        return made
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
