"""HTTP only: parse, call the Predictor, answer.

These handlers define the API: OpenAPI is made from them, and they answer whatever the short cut of
`edge.py` leaves to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from housing_cli.api.http.errors import BatchTooLarge
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
    from collections.abc import Sequence

    from fastapi.params import Depends

    from housing_cli.api.predictor import Predictor
    from housing_cli.api.served import Served
    from housing_cli.data.schema import FeatureSchema

MESSAGE = "Valor real actualizado correctamente"
_FEEDBACK_OPERATION = "feedback_feedback_post"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


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


def predict_router(
    predictor: Predictor, schema: FeatureSchema, most: int, dependencies: Sequence[Depends]
) -> APIRouter:
    """Return the routes whose bodies carry the features of `schema`."""
    router = APIRouter(tags=["predictions"], dependencies=list(dependencies))
    features = row_model(schema)
    batch = batch_model(features, most)

    async def predict(body: Any) -> PredictionAnswer:
        """Predict the price of one row and record it. `null` means that a feature is missing."""
        served = predictor.current()
        made = await predictor.predict(numbers(body), served)
        return _answer(served, made.predicted_price, made.id)

    async def predict_batch(body: Any) -> BatchAnswer:
        """Predict many rows; all of them are recorded, or none."""
        if len(body.rows) > most:
            raise BatchTooLarge(
                f"a batch holds at most {most} rows, and this one has {len(body.rows)}"
            )
        served = predictor.current()
        batch = await predictor.predict_batch(served, body.rows, numbers)
        return BatchAnswer(
            predictions=[
                _answer(served, price, key)
                for price, key in zip(batch.prices, batch.ids, strict=True)
            ]
        )

    # The models are made at run time: no annotation in the source could name them.
    predict.__annotations__["body"] = features
    predict_batch.__annotations__["body"] = batch
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
    return router


def _answer(served: Served, price: float, prediction_id: str) -> PredictionAnswer:
    return PredictionAnswer(
        predicted_price=price,
        id=prediction_id,
        model_version=served.name,
        interval=served.interval(price),
        coverage=served.coverage,
    )


def feedback_router(predictor: Predictor, dependencies: Sequence[Depends]) -> APIRouter:
    """Return the route that takes real prices."""
    router = APIRouter(tags=["predictions"], dependencies=list(dependencies))

    @router.post(
        "/feedback",
        operation_id=_FEEDBACK_OPERATION,
        responses=_failures(400, 401, 404, 408, 413, 503),
    )
    async def feedback(body: FeedbackRequest) -> FeedbackAnswer:
        """Record the real price of a prediction; another value later corrects it."""
        made = await predictor.feedback(body.id, body.real_price)
        return FeedbackAnswer(message=MESSAGE, id=body.id.lower(), status=made.outcome)

    return router


def operations_router(predictor: Predictor) -> APIRouter:
    """Return what operators and orchestrators ask for."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """Say that the process lives."""
        return Health()

    @router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
    async def readyz() -> JSONResponse:
        """Say whether a model is loaded, the log can be written and no stop is under way."""
        reasons = await predictor.reasons()
        served = predictor.served
        content = {
            "status": "not ready" if reasons else "ready",
            "model_version": served.name if served else None,
            "reasons": reasons,
            "reload_refused": predictor.why_not_newer or None,
        }
        return JSONResponse(content, 503 if reasons else 200)

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
