"""The request and response models of the API: what OpenAPI documents and FastAPI enforces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    AllowInfNan,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    Strict,
    WithJsonSchema,
    create_model,
)
from pydantic.config import JsonDict

from housing_cli.api.http.bodies import HIGHEST_NUMBER, HOUSE, MOST_CHARACTERS, bounds
from housing_cli.data.kinds import Boolean, Category, Date, Kind, coder
from housing_cli.prediction_log import HIGHEST_PRICE

if TYPE_CHECKING:
    from housing_cli.data.schema import FeatureSchema


_OUTSIDE = "Features whose values are beyond all that were learned; absent where none is."


class PredictionAnswer(BaseModel):
    """One prediction, recorded under `id`."""

    model_config = ConfigDict(protected_namespaces=())

    predicted_price: float = Field(description="In the unit of the target.", examples=[21.6])
    id: str = Field(
        description="UUID; send it to `/feedback` with the real price.",
        examples=["01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70"],
    )
    model_version: str = Field(examples=["v3"])
    # A tuple would need `prefixItems`, which not every OpenAPI tool can read.
    interval: Annotated[Sequence[float], Field(min_length=2, max_length=2)] | None = Field(
        default=None,
        description="Where the real price lies with probability `coverage`.",
        examples=[[18.2, 25.4]],
    )
    coverage: float | None = Field(default=None, examples=[0.9])
    outside: list[str] | None = Field(default=None, description=_OUTSIDE, examples=[["RM"]])


class BatchAnswer(BaseModel):
    """The predictions of a batch, in the order of its rows."""

    predictions: list[PredictionAnswer]


class Contribution(BaseModel):
    """What one feature adds to the base, or multiplies it with."""

    feature: str = Field(examples=["LSTAT"])
    value: float | bool | str | None = Field(
        description="As it was sent; `null` was imputed.", examples=[4.98]
    )
    contribution: float | None = Field(
        default=None, description="On the scale `price`, in the target's unit.", examples=[3.52]
    )
    factor: float | None = Field(
        default=None, description="On the scale `log`, instead.", examples=[1.16]
    )


class Comparable(BaseModel):
    """A house that the version learned from."""

    similarity: float = Field(
        description="The share of trees that do not part the two houses.", examples=[0.61]
    )
    price: float = Field(description="Its real price.", examples=[24.0])
    features: dict[str, float | bool | str | None]


class ExplanationAnswer(BaseModel):
    """Why a row has its price: `base` and all contributions sum to it, the largest first."""

    model_config = ConfigDict(protected_namespaces=())

    predicted_price: float = Field(description="What `/predict` answers.", examples=[26.06])
    model_version: str = Field(examples=["v3"])
    target: str = Field(description="What is predicted.", examples=["MEDV"])
    scale: Literal["price", "log"] = Field(
        description="`log`: `base` and all factors multiply to the price.", examples=["price"]
    )
    exact: bool = Field(description="False: contributions are sampled; they sum all the same.")
    base: float = Field(description="The mean price of what was learned.", examples=[22.54])
    contributions: list[Contribution]
    outside: list[str] | None = Field(default=None, description=_OUTSIDE, examples=[["RM"]])
    comparables: list[Comparable] | None = Field(
        default=None,
        description="The most similar houses that were learned from; only where the operator set "
        "`explain.comparables`, and for models of trees.",
    )


def _both_names(schema: dict[str, Any]) -> None:
    """Let OpenAPI say that `prediction_id` may stand for `id`."""
    schema["properties"]["prediction_id"] = {
        **schema["properties"]["id"],
        "description": "Another name for `id`.",
    }
    schema["required"] = ["real_price"]
    schema["oneOf"] = [{"required": ["id"]}, {"required": ["prediction_id"]}]


class FeedbackRequest(BaseModel):
    """The real price of an earlier prediction."""

    model_config = ConfigDict(extra="forbid", title="Feedback", json_schema_extra=_both_names)

    id: Annotated[str, Strict()] = Field(
        validation_alias=AliasChoices("id", "prediction_id"),
        description="The `id` of an answer of `/predict` or `/predict/batch`.",
    )
    real_price: Annotated[float, Strict(), AllowInfNan(False)] = Field(
        gt=0, le=HIGHEST_PRICE, description="In the unit of the target.", examples=[24.5]
    )


class FeedbackAnswer(BaseModel):
    """What became of the real price: `unchanged` when the same value was there already."""

    message: str = Field(examples=["Valor real actualizado correctamente"])
    id: str
    status: Literal["recorded", "unchanged", "corrected"]


class Failure(BaseModel):
    """Why a request was not served."""

    detail: str
    hint: str | None = None


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether requests should come here, and why not."""

    model_config = ConfigDict(protected_namespaces=())

    status: Literal["ready", "not ready"]
    model_version: str | None
    reasons: list[str]
    reload_refused: str | None = Field(
        description="Why the version that should be served is not, while an older one answers."
    )
    warnings: list[str] = Field(description="What somebody should look at, such as a clock.")


def batch_model(
    row: type[BaseModel], most: int, example: Mapping[str, Any] | None = None
) -> type[BaseModel]:
    """Return the model of a `/predict/batch` body of `row`.

    It stops at the first wrong row: the errors of ten thousand rows would be an answer of many
    megabytes. Batches of more than `most` rows are refused by the endpoint, without an echo.
    """
    rows: Any = (
        Annotated[list[row], FailFast()],  # type: ignore[valid-type]
        Field(json_schema_extra={"maxItems": most}),
    )
    shown = _shown(None if example is None else {"rows": [example]})
    config = ConfigDict(extra="forbid", json_schema_extra=shown)
    return create_model("Batch", __config__=config, rows=rows)


def row_model(
    schema: FeatureSchema, *, refuse: bool = False, example: Mapping[str, Any] | None = None
) -> type[BaseModel]:
    """Return the model of one `/predict` body, made from `schema`.

    Every feature is required; `null` is a missing one. A number is one that float32 holds, no text,
    NaN or infinity. refuse: a category is a word of its vocabulary. Unknown keys are validation
    errors. example: the body that OpenAPI shows; beside it stands the unit of a feature.
    """
    fields: dict[str, Any] = {}
    for position, name in enumerate(schema.features):
        unit = schema.units.get(name)
        told = Field(alias=name, description=None if unit is None else f"Unit: {unit}.")
        if (kind := schema.kinds.get(name)) is not None:
            fields[f"f{position}"] = (_value(kind, refuse=refuse) | None, told)
            continue
        low, high = bounds(schema, name)
        number = Annotated[float, Strict(), AllowInfNan(False), Field(ge=low, le=high)]
        # Columns of other tables may be no Python identifiers: they are aliases of f0, f1, ...
        fields[f"f{position}"] = (number | None, told)
    if HOUSE not in schema.features:
        fields[HOUSE] = (_HOUSE | None, Field(default=None, description=_WHICH))
    config = ConfigDict(extra="forbid", title="Features", json_schema_extra=_shown(example))
    return create_model("Features", __config__=config, **fields)


_WHICH = (
    "Which house it is, in your words: the same house has the same arm of a canary, and its name "
    "is recorded beside the prediction."
)


def _whole(value: float) -> int:
    """Return 7 for 7.0, as a table with gaps has it. Raises ValueError."""
    if not value.is_integer():
        raise ValueError("use text or a whole number")
    return int(value)


_NUMBER = Field(ge=-HIGHEST_NUMBER, le=HIGHEST_NUMBER)
_HOUSE = Annotated[
    Annotated[str, Strict(), Field(min_length=1, max_length=MOST_CHARACTERS)]
    | Annotated[int, Strict(), _NUMBER]
    | Annotated[float, Strict(), AllowInfNan(False), _NUMBER, AfterValidator(_whole)],
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS},
                {"type": "integer", "minimum": -HIGHEST_NUMBER, "maximum": HIGHEST_NUMBER},
            ]
        }
    ),
]


def _shown(example: Mapping[str, Any] | None) -> JsonDict | None:
    return None if example is None else {"examples": [dict(example)]}


_MOST_NAMED = 20


def _value(kind: Kind, *, refuse: bool) -> Any:
    """Return the type of a value that becomes a code; OpenAPI lists the words of a category."""
    text = Annotated[str, Strict()]

    def check(value: str | float) -> str | float:
        """Raise ValueError where the value is none of its kind."""
        coder(kind, _refusing(kind) if refuse else None)(value)
        return value

    if isinstance(kind, Boolean):
        return Annotated[Annotated[bool, Strict()] | text, AfterValidator(check)]
    if isinstance(kind, Date):
        said = WithJsonSchema({"type": "string", "examples": [kind.reference]})
        return Annotated[text, AfterValidator(check), said]
    words: list[dict[str, Any]] = [{"type": "string", "enum": list(kind.codes)}]
    if not refuse:
        words += [{"type": "string", "title": "another word"}, {"type": "number"}]
    # Integers of their own: a float would round those of many digits to another word.
    number = Annotated[int, Strict()] | Annotated[float, Strict(), AllowInfNan(False)]
    return Annotated[text | number, AfterValidator(check), WithJsonSchema({"anyOf": words})]


def _refusing(kind: Kind) -> Callable[[str], None]:
    def refused(_: str) -> None:
        known = list(kind.codes) if isinstance(kind, Category) else []
        more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
        raise ValueError(f"unknown category: known are {', '.join(known[:_MOST_NAMED])}{more}")

    return refused
