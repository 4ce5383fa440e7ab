"""HTTP only: read the body, call the Predictor, answer.

OpenAPI is made of FastAPI's routes, and what cannot be read goes to them, so that their pydantic
models say what is wrong with it. What can be read they never see: FastAPI takes 95 us of the
processor for a request of 13 numbers, and this path 14.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Response

from housing_cli.api.http.bodies import Bodies
from housing_cli.api.http.bodies import feedback as read_feedback
from housing_cli.api.http.errors import json_response
from housing_cli.api.http.models import (
    BatchAnswer,
    Failure,
    FeedbackAnswer,
    FeedbackRequest,
    Health,
    PredictionAnswer,
    Readiness,
    batch_model,
    row_model,
)
from housing_cli.registry import MODEL_FILE

if TYPE_CHECKING:
    from fastapi.params import Depends
    from starlette.types import ASGIApp, Receive, Scope, Send

    from housing_cli.api.predictor import Predictor
    from housing_cli.data.schema import FeatureSchema

MESSAGE = "Valor real actualizado correctamente"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
JSON_TYPES = frozenset(
    (b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8")
)
_FEEDBACK_OPERATION = "feedback_feedback_post"
_JSON = (b"content-type", b"application/json")

Answer = Callable[[bytes], Awaitable[bytes | None]]
"""Makes the body of an answer out of that of a request; `None` for one that it cannot read."""


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    texts = {
        400: "The body cannot be parsed.",
        401: "An API key is required.",
        404: "No prediction has this id.",
        408: "The body did not arrive in time.",
        413: "The body has too many bytes, or the batch too many rows.",
        503: "No model, or the prediction log cannot be written now.",
    }
    return {status: {"model": Failure, "description": texts[status]} for status in statuses}


def _then_feedback(place: str) -> dict[int | str, dict[str, Any]]:
    """Let OpenAPI say where in an answer the id stands that `/feedback` wants."""
    link = {
        "operationId": _FEEDBACK_OPERATION,
        "requestBody": {"id": f"$response.body#{place}"},
        "description": "Send the real price of the prediction when it is known.",
    }
    return {200: {"links": {"feedback": link}}}


def writing_routes(
    predictor: Predictor, schema: FeatureSchema, most: int, dependencies: Sequence[Depends]
) -> list[Any]:
    """Return the routes that take bodies; those of predictions carry the features of `schema`."""
    router = APIRouter(tags=["predictions"], dependencies=list(dependencies))
    encode = msgspec.json.encode
    bodies = Bodies(schema)
    features = row_model(schema)

    async def row_answer(body: bytes) -> bytes | None:
        row = bodies.row(body)
        return None if row is None else encode(await predictor.predict(row))

    async def batch_answer(body: bytes) -> bytes | None:
        return await predictor.predict_batch(lambda: bodies.batch(body))

    async def feedback_answer(body: bytes) -> bytes | None:
        read = read_feedback(body)
        return None if read is None else encode(await take(read.id, read.real_price))

    async def take(prediction_id: str, real_price: float) -> dict[str, str]:
        made = await predictor.feedback(prediction_id, real_price)
        return {"message": MESSAGE, "id": prediction_id.lower(), "status": made.outcome}

    async def predict(body: Any) -> Response:
        """Predict the price of one row and record it. `null` means that a feature is missing."""
        return json_response(await predictor.predict(numbers(body)))

    async def predict_batch(body: Any) -> Response:
        """Predict many rows; all of them are recorded, or none."""
        answer = await predictor.predict_batch(lambda: list(map(numbers, body.rows)))
        return Response(answer, media_type="application/json")

    async def feedback(body: FeedbackRequest) -> Response:
        """Record the real price of a prediction; another value later corrects it."""
        return json_response(await take(body.id, body.real_price))

    # The models are made at run time: no annotation in the source could name them.
    predict.__annotations__["body"] = features
    predict_batch.__annotations__["body"] = batch_model(features, most)
    failures = _failures(400, 401, 408, 413, 503)
    router.post(
        "/predict",
        responses=failures | _then_feedback("/id"),
        response_model=PredictionAnswer,
        response_model_exclude_none=True,
    )(predict)
    router.post(
        "/predict/batch",
        responses=failures | _then_feedback("/predictions/0/id"),
        response_model=BatchAnswer,
        response_model_exclude_none=True,
    )(predict_batch)
    router.post(
        "/feedback",
        operation_id=_FEEDBACK_OPERATION,
        responses=_failures(400, 401, 404, 408, 413, 503),
        response_model=FeedbackAnswer,
    )(feedback)
    routes: list[Any] = router.routes
    for route, answer in zip(routes, (row_answer, batch_answer, feedback_answer), strict=True):
        route.app = _answered(answer, route.app)
    return routes


def _answered(answer: Answer, explain: ASGIApp) -> ASGIApp:
    """Return an application that answers what `answer` can read; `explain` gets what it cannot."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["housing.headers"]
        # Of a header that is there twice FastAPI takes the first, a mapping the last.
        usual = headers.get(b"content-type") in JSON_TYPES and len(headers) == len(scope["headers"])
        body = await answer(scope["housing.body"]) if usual else None
        if body is None:
            await explain(scope, receive, send)
            return
        fields = [_JSON, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    return app


def operations_router(predictor: Predictor) -> APIRouter:
    """Return what operators and orchestrators ask for."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """Say that the process lives."""
        return Health()

    @router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
    async def readyz() -> Response:
        """Say whether a model is loaded, the log can be written and no stop is under way."""
        reasons = await predictor.reasons()
        served = predictor.served
        content = {
            "status": "not ready" if reasons else "ready",
            "model_version": served.name if served else None,
            "reasons": reasons,
            "reload_refused": predictor.why_not_newer or None,
        }
        return json_response(content, 503 if reasons else 200)

    @router.get("/version", responses=_failures(503))
    async def version() -> dict[str, Any]:
        """Describe the served version: number, tag, created, metrics, hashes, git commit."""
        served = predictor.current()
        metadata = served.version.metadata
        return {
            "version": served.name,
            "number": served.version.number,
            "tag": metadata.tag,
            "created": metadata.created,
            "parent": metadata.parent,
            "metrics": metadata.metrics,
            "features": list(metadata.schema.features),
            "target": metadata.schema.target,
            "data_sha256": metadata.data.sha256,
            "model_sha256": metadata.files.get(MODEL_FILE),
            "files": metadata.files,
            "git_commit": metadata.git.commit,
            "git_dirty": metadata.git.dirty,
        }

    return router


def metrics_router(predictor: Predictor, dependencies: Sequence[Depends]) -> APIRouter:
    """Return the route that Prometheus scrapes."""
    router = APIRouter(tags=["operations"], dependencies=list(dependencies))

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **(_failures(401) if dependencies else {}),
        },
    )
    async def metrics() -> Response:
        """Return the metrics of all workers in Prometheus's text format."""
        return Response(predictor.metrics.render(), media_type=METRICS_TYPE)

    return router


def numbers(row: Any) -> tuple[float | None, ...]:
    """Return the features of a validated row in the schema's order."""
    return tuple(row.__dict__.values())
