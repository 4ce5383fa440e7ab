"""The feature schema of a table, and the API models that are made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

if TYPE_CHECKING:
    from pydantic import BaseModel

Bound = float | None
Limits = dict[str, tuple[Bound, Bound]]


class FeatureSchema(msgspec.Struct, frozen=True):
    """Names and order of the features, the target, and the allowed range of single features.

    `limits` maps a feature to `(low, high)`, both inclusive, `None` for open.
    """

    features: tuple[str, ...]
    target: str
    limits: Limits = {}


def request_model(schema: FeatureSchema) -> type[BaseModel]:
    """Return the pydantic model of one `/predict` body, made from `schema`.

    Every feature is required; a number or `null` (missing: imputed). Unknown keys, strings,
    booleans, NaN and infinities are validation errors.
    """
    from pydantic import AllowInfNan, ConfigDict, Field, Strict, create_model

    fields: dict[str, object] = {}
    for position, name in enumerate(schema.features):
        low, high = schema.limits.get(name, (None, None))
        number = Annotated[float, Strict(), AllowInfNan(False), Field(ge=low, le=high)]
        # Columns of other tables may be no Python identifiers: they are aliases of f0, f1, ...
        fields[f"f{position}"] = (number | None, Field(alias=name))
    config = ConfigDict(extra="forbid", title="Features")
    return create_model("Features", __config__=config, **fields)  # type: ignore[call-overload,no-any-return]
