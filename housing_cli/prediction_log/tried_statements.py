"""The question after answers that a trial had a part in, for every back end; see `statements`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from housing_cli.prediction_log.statements import Condition, Number, Rows, Source, counting, cut
from housing_cli.prediction_log.tried import Made, TriedQuery

TEXTS = ("key", "model_version", "arm", "shadow_version")
"""The first columns of `tried`, which are text."""


def tried(
    source: Source,
    served: sa.FromClause,
    query: TriedQuery,
    conditions: Sequence[Condition],
    order: Sequence[Number],
) -> Rows:
    """Select the rows of `Tried`: `TEXTS`, features, then the numbers.

    served: id, arm, shadow_version, shadow_price. They come in `order`, oldest first; with
    `query.newest` that many of the last, in reverse.
    """
    rows, last, joined = _joined(source, served)
    statement = (
        sa.select(
            sa.cast(rows.c.id, sa.Text).label("key"),
            rows.c.model_version,
            sa.func.coalesce(served.c.arm, "").label("arm"),
            sa.func.coalesce(served.c.shadow_version, "").label("shadow_version"),
            *(source.features.values() if query.features else ()),
            rows.c.predicted_price,
            served.c.shadow_price,
            last.c.labeled_at,
            last.c.real_price,
        )
        .select_from(joined)
        .where(*_asked(served, query), *conditions)
    )
    if query.labeled:
        statement = statement.where(last.c.real_price.is_not(None))
    return cut(statement, order, query.newest)


def made(
    source: Source, served: sa.FromClause, query: TriedQuery, conditions: Sequence[Condition]
) -> Rows:
    """Select what `made_of` takes: one row a version that answered."""
    rows, last, joined = _joined(source, served)
    both = sa.case((served.c.shadow_price.is_not(None), last.c.real_price))
    counts = served.c.shadow_price, last.c.real_price, both
    return (
        sa.select(rows.c.model_version, sa.func.count(), *map(sa.func.count, counts))
        .select_from(joined)
        .where(*_asked(served, query), *conditions)
        .group_by(rows.c.model_version)
    )


def made_of(found: Iterable[Sequence[Any]]) -> tuple[Made, ...]:
    """Return the rows of `made` as records, in the order of the versions' names."""
    return tuple(Made(str(name), *map(int, counts)) for name, *counts in sorted(map(tuple, found)))


def _joined(source: Source, served: sa.FromClause) -> tuple[sa.FromClause, sa.Subquery, sa.Join]:
    """Return predictions, the prices that count, and `served` joined with both."""
    rows, prices = source.rows, source.prices
    last = (
        sa.select(prices.c.id, prices.c.timestamp.label("labeled_at"), prices.c.real_price)
        .where(counting(prices))
        .subquery("last")
    )
    joined = served.join(rows, rows.c.id == served.c.id)
    return rows, last, joined.outerjoin(last, last.c.id == served.c.id)


def _asked(served: sa.FromClause, query: TriedQuery) -> list[Condition]:
    wanted = {"shadow_version": query.shadow, "arm": query.arm}
    return [served.c[name] == value for name, value in wanted.items() if value is not None]
