"""FastAPI's routes: OpenAPI is made of them, and their models say what is wrong with a body.

A body that is right in the first place is answered by `direct.py`, and never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Response

from housing_cli.api.gatherer import Mark
from housing_cli.api.http.direct import label
from housing_cli.api.http.errors import json_response
from housing_cli.api.http.models import (
    BatchAnswer,
    ExplanationAnswer,
    Failure,
    FeedbackAnswer,
    FeedbackRequest,
    Health,
    PredictionAnswer,
    Readiness,
    batch_model,
)
from housing_cli.registry import MODEL_FILE

if TYPE_CHECKING:
    from fastapi.params import Depends
    from pydantic import BaseModel

    from housing_cli.api.explaining import Explanations
    from housing_cli.api.http.bodies import Bodies
    from housing_cli.api.predictor import Asked, Predictor
    from housing_cli.config.settings import Api

Route = Annotated[
    str | None,
    Header(
        description="Requests with the same value are answered by the same arm while a canary is "
        "tried; without it the same `house_id` is, or the same row.",
    ),
]
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_FEEDBACK_OPERATION = "feedback_feedback_post"


def _bytes(header: str | None) -> bytes | None:
    return None if header is None else header.encode("latin-1", "replace")


def _failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    texts = {
        400: "The body cannot be parsed.",
        401: "An API key is required.",
        404: "No prediction has this id.",
        408: "The body did not arrive in time.",
        409: "The version carries nothing that explains its prices.",
        413: "The body has too many bytes, or the batch too many rows.",
        415: "The body is not said to be JSON, or is compressed.",
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
    predictor: Predictor,
    features: type[BaseModel],
    readers: Bodies,
    api: Api,
    dependencies: Sequence[Depends],
    example: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Return the routes whose bodies are recorded; those of predictions are made of `features`.

    readers: what makes numbers of the values of `features`. example: a row that OpenAPI shows.
    """
    router = APIRouter(tags=["predictions"], dependencies=list(dependencies))

    async def predict(body: Any, x_housing_route: Route = None) -> Response:
        """Predict the price of one row and record it. `null` means that a feature is missing."""
        values, house = readers.parted(list(body.__dict__.values()))
        mark = Mark(_bytes(x_housing_route), house)
        return json_response(await predictor.predict(readers.numbers(values), mark))

    async def predict_batch(body: Any, x_housing_route: Route = None) -> Response:
        """Predict many rows; all of them are recorded, or none."""

        def read() -> Asked:
            rows, houses = readers.parted_rows([list(row.__dict__.values()) for row in body.rows])
            return list(map(readers.numbers, rows)), houses

        answer = await predictor.predict_batch(read, _bytes(x_housing_route))
        return Response(answer, media_type="application/json")

    async def feedback(
        body: FeedbackRequest,
        accept_language: Annotated[
            str, Header(description="Language of `message`: `es`, or `en`.")
        ] = "",
    ) -> Response:
        """Record the real price of a prediction; another value later corrects it."""
        return json_response(await label(predictor, body.id, body.real_price, accept_language))

    # The models are made at run time: no annotation in the source could name them.
    predict.__annotations__["body"] = features
    predict_batch.__annotations__["body"] = batch_model(features, api.max_batch_rows, example)
    failures = _failures(400, 401, 408, 413, 415, 503)
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
        responses=_failures(400, 401, 404, 408, 413, 415, 503),
        response_model=FeedbackAnswer,
    )(feedback)
    return router.routes


def explaining_routes(
    explanations: Explanations,
    features: type[BaseModel],
    readers: Bodies,
    dependencies: Sequence[Depends],
) -> list[Any]:
    """Return the route that explains a price; arguments as those of `writing_routes`."""
    router = APIRouter(tags=["predictions"], dependencies=list(dependencies))

    async def explain(body: Any) -> Response:
        """Say why a row has its price. Nothing is recorded: this is no prediction."""
        values, _ = readers.parted(list(body.__dict__.values()))
        answer = await explanations.explain(readers.numbers(values), values)
        return Response(answer, media_type="application/json")

    explain.__annotations__["body"] = features
    router.post(
        "/explain",
        responses=_failures(400, 401, 408, 409, 413, 415, 503),
        response_model=ExplanationAnswer,
        response_model_exclude_none=True,
    )(explain)
    return router.routes


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
            "model_version": predictor.shown().name if served else None,
            "reasons": reasons,
            "reload_refused": predictor.why_not_newer or None,
            "warnings": predictor.warnings(),
        }
        return json_response(content, 503 if reasons else 200)

    @router.get("/version", responses=_failures(503))
    async def version() -> dict[str, Any]:
        """Describe the served version: number, tag, created, metrics, hashes, git commit."""
        served = predictor.shown()
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
            "interval_factors": None if served.intervals is None else list(served.factors),
            **predictor.tried.told(predictor.current().name),
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
