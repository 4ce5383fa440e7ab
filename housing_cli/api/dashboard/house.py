"""What the page says of one house: its price, its interval, and what moved it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from housing_cli.data.kinds import Category, shown, word_of
from housing_cli.errors import HousingError
from housing_cli.words import grouped

if TYPE_CHECKING:
    from housing_cli.api.explaining import Explanations
    from housing_cli.api.served import Answer
    from housing_cli.data.kinds import Value
    from housing_cli.data.schema import FeatureSchema

MOST_SHOWN: Final = 12
"""Contributions that are listed; the others are put together."""


class Tried(msgspec.Struct):
    """A house as the template shows it.

    price, interval: in the target's unit. base: what the contributions start from. factor: they
    multiply and do not add. chart: what moved the price, drawn. error: what somebody did wrong, in
    words; detail: what the server says of it. recorded: this is its prediction, not a later look
    at it. made_by: the version that
    predicted it, where that is not `version`.
    """

    id: str = ""
    price: float | None = None
    interval: Sequence[float] | None = None
    coverage: float = 0.0
    version: str = ""
    target: str = ""
    unit: str = ""
    recorded: bool = False
    made_by: str = ""
    outside: Sequence[str] = ()
    unknown: Sequence[str] = ()
    base: float | None = None
    contributions: Sequence[Mapping[str, Any]] = ()
    more: int = 0
    rest: float = 0.0
    factor: bool = False
    chart: str = ""
    exact: bool = True
    not_explained: str = ""
    error: str = ""
    detail: str = ""
    thanks: str = ""
    ask_price: bool = False
    typed_price: str = ""
    status: int = 200


def predicted(answer: Answer, schema: FeatureSchema) -> Tried:
    """Return what was answered."""
    interval = None if answer.interval is msgspec.UNSET else answer.interval
    coverage = 0.0 if answer.coverage is msgspec.UNSET else float(answer.coverage)
    outside = () if answer.outside is msgspec.UNSET else answer.outside
    return Tried(
        id=answer.id,
        price=answer.predicted_price,
        interval=interval,
        coverage=coverage,
        version=answer.model_version,
        target=schema.target,
        unit=unit_of(schema),
        recorded=True,
        outside=outside,
        ask_price=True,
    )


def unit_of(schema: FeatureSchema) -> str:
    """Return the unit of prices, where the schema knows it."""
    return schema.units.get(schema.target, "")


async def explain(
    tried: Tried,
    explanations: Explanations,
    row: Sequence[float | None],
    schema: FeatureSchema,
    say: Callable[[str], str] = str,
) -> None:
    """Add to `tried` what moved its price, or why that is not known; say: translates."""
    words = [
        "" if value is None else shown(schema.kinds.get(name), value)
        for name, value in zip(schema.features, row, strict=True)
    ]
    try:
        told = msgspec.json.decode(await explanations.explain(tuple(row), words))
    except HousingError as error:
        tried.not_explained = error.message
        return
    if told["model_version"] != tried.version and tried.recorded:
        tried.not_explained = f"{told['model_version']} is served by now"
        return
    tried.factor = told["scale"] == "log"
    key = "factor" if tried.factor else "contribution"
    listed = [
        {"feature": one["feature"], "value": one["value"], "moves": one[key]}
        for one in told["contributions"]
    ]
    shown_first = MOST_SHOWN if len(listed) > MOST_SHOWN + 1 else len(listed)
    rest = [one["moves"] for one in listed[shown_first:]]
    tried.base, tried.exact = told["base"], told["exact"]
    tried.contributions, tried.more = listed[:shown_first], len(rest)
    tried.rest = math.prod(rest) if tried.factor else sum(rest)
    tried.chart = _chart(tried, say("What moved the price"))


def _chart(tried: Tried, description: str) -> str:
    """Return a bar for each contribution; of factors their logarithms, so that 1 is nothing."""
    from housing_cli.pages import charts

    rows = []
    for one in tried.contributions:
        moves = one["moves"]
        value = math.log(moves) if tried.factor else moves
        said = (
            f"\N{MULTIPLICATION SIGN}{moves:.3f}"
            if tried.factor
            else f"{'+' if moves > 0 else ''}{grouped(moves, 3)}"
        )
        rows.append((one["feature"], value, said, False))
    return charts.bars(rows, description=description)


def unknown_words(schema: FeatureSchema, values: Sequence[Value]) -> list[str]:
    """Return `feature: word` of each word that the vocabulary of its feature lacks."""
    found = []
    for name, value in zip(schema.features, values, strict=True):
        kind = schema.kinds.get(name)
        if isinstance(kind, Category) and value is not None and word_of(value) not in kind.codes:
            found.append(f"{name}: {value}")
    return found
