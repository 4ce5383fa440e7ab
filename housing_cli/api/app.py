"""create_app: wiring and lifespan.

`uvicorn housing_cli.api.app:app` works too: `app` is made when it is asked for, from
`configs/housing.toml` and `HOUSING_*`. Importing this module reads and opens nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import logging.config
import sys
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI, Security
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.middleware import Middleware

from housing_cli import __version__, garbage
from housing_cli.api.adapter import Adapter
from housing_cli.api.dashboard.answers import Dashboard
from housing_cli.api.dashboard.routes import add_dashboard
from housing_cli.api.explaining import Explanations
from housing_cli.api.http.auth import ApiKeys
from housing_cli.api.http.bodies import Bodies
from housing_cli.api.http.direct import Answer, Direct, answers, explains
from housing_cli.api.http.docs import add_docs
from housing_cli.api.http.errors import invalid, known
from housing_cli.api.http.examples import usual_row
from housing_cli.api.http.middleware import (
    POSTED,
    Bounded,
    Guarded,
    Identified,
    Observed,
    Understood,
)
from housing_cli.api.http.models import row_model
from housing_cli.api.http.routes import (
    explaining_routes,
    metrics_router,
    operations_router,
    writing_routes,
)
from housing_cli.api.metrics import Metrics
from housing_cli.api.predictor import Predictor
from housing_cli.api.process.draining import drain_on_sigterm, end_with_supervisor
from housing_cli.api.process.event_log import log_config
from housing_cli.api.reloader import Reloader
from housing_cli.api.trials import Trials
from housing_cli.config import Settings, load_settings
from housing_cli.errors import HousingError
from housing_cli.files import keep_from_strangers
from housing_cli.prediction_log import open_log
from housing_cli.registry import open_reader

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from housing_cli.api.early import EarlyLoad
    from housing_cli.api.gatherer import Row
    from housing_cli.data.schema import FeatureSchema

SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter from others. A request lets go of it at every system
call; with Python's 5 ms it would wait that long each time while a batch is read or written."""


def create_app(
    settings: Settings | None = None,
    early: EarlyLoad | None = None,
    keys: ApiKeys | None = None,
    carried: Sequence[str] = (),
) -> FastAPI:
    """Return the application that serves `settings.serve.version`.

    It starts without a model too, and answers 503 until one is promoted. `early`: the version that
    is being loaded already. `keys`: as the supervisor read them, for a worker that is started while
    their file is away. `carried`: options with which a command comes to the same settings.

    Raises:
        ConfigError: a setting is wrong, for instance the URL of the log.
        ServeError: the file of API keys cannot be read.
    """
    if settings is None:
        settings = load_settings()
    _ensure_logging(settings)
    keys = keys or ApiKeys(settings.api.keys, settings.api.keys_file)
    registry = open_reader(settings)
    metrics = Metrics()
    log = open_log(settings.log.url, settings.schema(), fsync=settings.log.fsync)
    predictor = Predictor(settings, log, metrics)
    explanations = Explanations(predictor, registry, comparables=settings.explain.comparables)
    dashboard = Dashboard(predictor, explanations, registry, settings, keys, carried)
    direct: dict[str, Answer] = {}
    app = _application(settings, _stack(settings, keys, predictor, direct))
    # The guard enforces the keys; these let OpenAPI say so.
    schemes = (APIKeyHeader(name="X-API-Key", auto_error=False), HTTPBearer(auto_error=False))
    secured = [Security(scheme) for scheme in schemes] if keys.required else []
    api = settings.api

    def use_schema(schema: FeatureSchema, learned: Sequence[Row] = ()) -> None:
        """Make what takes bodies anew; learned: rows of which a usual one is shown."""
        refuse = api.unknown_category == "refuse"
        readers = Bodies(schema, predictor.met_unknown, refuse=refuse)
        silent = Bodies(schema, refuse=refuse)  # what is explained was not asked to be priced
        direct.update(answers(predictor, readers) | explains(explanations, silent))
        example = usual_row(schema, learned)
        dashboard.use(schema, readers, example)
        features = row_model(schema, refuse=refuse, example=example)
        routes = app.router.routes
        others = [route for route in routes if getattr(route, "path", None) not in POSTED]
        routes[:] = [
            *writing_routes(predictor, features, readers, api, secured, example),
            *explaining_routes(explanations, features, silent, secured),
            *others,
        ]
        app.openapi_schema = None

    app.include_router(operations_router(predictor))
    app.include_router(metrics_router(predictor, secured if api.protect_metrics else []))
    add_docs(app)
    add_dashboard(app, dashboard)
    reloader = Reloader(predictor, registry, settings, use_schema, early)
    reloader.load()
    if predictor.served is None:
        use_schema(settings.schema())
    trials = Trials(predictor, registry, settings)
    trials.load()
    app.state.predictor = predictor
    app.state.explanations = explanations
    app.state.reloader = reloader
    app.state.trials = trials
    app.state.adapter = Adapter(predictor, settings)
    app.state.dashboard = dashboard
    return app


def _application(settings: Settings, middleware: Sequence[Middleware]) -> FastAPI:
    """Return the application without its routes."""
    app = FastAPI(
        title="housing",
        summary="House prices, each prediction on record",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # to where a header of the request says
        # To look for a tracer at each request costs a tenth of it, and ours are `metrics`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan,
        middleware=middleware,
        exception_handlers={HousingError: known, RequestValidationError: _invalid},
    )
    app.root_path = settings.serve.root_path  # as an argument it is deprecated, aloud
    return app


def _stack(
    settings: Settings, keys: ApiKeys, predictor: Predictor, direct: dict[str, Answer]
) -> list[Middleware]:
    """Return what a request goes through on its way to the routes, the outermost first."""
    api = settings.api
    return [
        Middleware(Identified, draining=lambda: predictor.draining),
        Middleware(Observed, metrics=predictor.metrics, access_log=settings.serve.access_log),
        *_cross_origin(api.cors_origins),
        Middleware(Guarded, keys=keys, metrics_too=api.protect_metrics),
        Middleware(Understood),
        Middleware(
            Bounded,
            most=api.max_body_bytes,
            room=max(api.max_bytes_in_flight, api.max_body_bytes),
            timeout=settings.serve.request_timeout,
        ),
        Middleware(Direct, answers=direct),
    ]


def _cross_origin(origins: Sequence[str]) -> list[Middleware]:
    """Return what lets pages of these origins call the API from a browser."""
    if not origins:
        return []
    from starlette.middleware.cors import CORSMiddleware

    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key", "x-request-id"],
            expose_headers=["x-request-id"],
        )
    ]


def _ensure_logging(settings: Settings) -> None:
    """Let what the package says be heard, where another program started the application."""
    if not logging.getLogger("housing").handlers:
        own = log_config(settings.serve.log_level, as_json=settings.serve.access_log)
        own["loggers"].pop("uvicorn")
        logging.config.dictConfig(own)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow promotions while the application runs; at the end write what waits."""
    sys.setswitchinterval(SWITCH_SECONDS)
    garbage.resume()
    state = app.state
    watches = [
        asyncio.create_task(part.watch())
        for part in (state.reloader, state.trials, state.adapter, state.dashboard)
    ]
    with drain_on_sigterm(app.state.predictor), end_with_supervisor():
        yield
    app.state.predictor.drain()
    for watch in watches:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
    for part in (state.explanations, state.dashboard, state.predictor):
        await asyncio.to_thread(part.close)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Count what could not be understood, and say what is wrong with it."""
    predictor: Predictor = request.app.state.predictor
    path = request.scope["housing.path"]
    if path == "/feedback":
        predictor.metrics.not_labeled("invalid")
    elif path != "/explain":
        name = predictor.served.name if predictor.served else "none"
        predictor.metrics.not_predicted(name, "invalid")
    return await invalid(request, error)


def __getattr__(name: str) -> Any:
    if name == "app":
        keep_from_strangers()
        made = globals()["app"] = create_app()
        return made
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
