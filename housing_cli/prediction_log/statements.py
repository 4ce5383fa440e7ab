"""The questions to a log, as SQLAlchemy Core statements that every back end executes.

SQLite, PostgreSQL and DuckDB (for csv files) share them. They keep to what all three understand:
the session's time zone is UTC, and intervals and bands are `CASE` expressions.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from housing_cli.prediction_log.records import (
    AGREES,
    CLASS,
    EQUAL_WITHIN,
    HALF,
    HIGHEST_PRICE,
    ON_STEP,
    PREDICTED,
    Arrivals,
    ArrivalsQuery,
    Axis,
    Kind,
    Knots,
    LabelKinds,
    Late,
    LateQuery,
    Sums,
    SumsQuery,
)

Rows = sa.Select[*tuple[Any, ...]]
Number = sa.ColumnElement[Any]
Condition = sa.ColumnElement[bool]

# PostgreSQL refuses products that a float cannot hold. The fourth powers of these it can, and no
# error of a model lies beyond them: one that does counts as 0, or as the highest price.
_SMALLEST = 1e-75
_MOMENTS = ("error", "absolute", "squared", "fourth", "real", "real_squared", "covered")
_COLUMNS = 7 + len(_MOMENTS)
"""Before the moments stand day, version, kind, axis, band and two counts."""


class Source(NamedTuple):
    """The two tables of a log.

    rows: id, timestamp, model_version, predicted_price, and the columns of `features` by their
    names. prices: id, revision, timestamp, real_price; the highest revision of an id counts.
    """

    rows: sa.FromClause
    prices: sa.FromClause
    features: Mapping[str, Number]


def labeled(
    source: Source,
    names: Iterable[str],
    conditions: Sequence[Condition],
    order: Sequence[Number],
    newest: int | None,
) -> Rows:
    """Select labeled rows: id, version, features, predicted price, time of the price, real price.

    They come in `order`, oldest first; with `newest` that many of the last, in reverse.
    """
    rows, prices = source.rows, source.prices
    query = (
        sa.select(
            sa.cast(rows.c.id, sa.Text).label("key"),
            rows.c.model_version,
            *(source.features[name] for name in names),
            rows.c.predicted_price,
            prices.c.timestamp.label("labeled_at"),
            prices.c.real_price,
        )
        .select_from(prices.join(rows, rows.c.id == prices.c.id))
        .where(counting(prices), *conditions)
    )
    return cut(query, order, newest)


def predictions(
    source: Source, conditions: Sequence[Condition], order: Sequence[Number], newest: int | None
) -> Rows:
    """Select predictions: id, version, features, predicted price, 1 where labeled (else 0)."""
    rows, prices = source.rows, source.prices
    known = sa.select(prices.c.id).where(prices.c.id == rows.c.id, counting(prices)).exists()
    query = sa.select(
        sa.cast(rows.c.id, sa.Text).label("key"),
        rows.c.model_version,
        *source.features.values(),
        rows.c.predicted_price,
        sa.case((known, 1), else_=0).label("labeled"),
    ).where(*conditions)
    return cut(query, order, newest)


def sums(source: Source, query: SumsQuery, conditions: Sequence[Condition]) -> Rows:
    """Select the sums that `sums_of` takes: one row a UTC day, version, kind, axis and band.

    With fewer than two axes there is no column for the axis, and without any none for the band.
    Where kinds are not asked for, there is no column for them.
    """
    paired = _paired(source, query, conditions)
    own = ["day", "version"] + (["kind"] if query.kinds is not None else [])
    keys: list[Number] = [paired.c[name] for name in own]
    if len(query.axes) > 1:
        # Every row once for each axis: one pass, one GROUP BY.
        numbers = sa.union_all(
            *(sa.select(sa.literal(n).label("axis")) for n in range(1, len(query.axes) + 1))
        ).subquery("axes")
        band = sa.case(
            *((numbers.c.axis == n, paired.c[f"band_{n}"]) for n in range(1, len(query.axes) + 1))
        )
        graded = sa.select(paired, numbers.c.axis, band.label("band")).join(numbers, sa.true())
        paired = graded.subquery("graded")
        keys = [paired.c[name] for name in (*own, "axis", "band")]
    elif query.axes:
        keys.append(paired.c.band_1)
    error, real = paired.c.error, paired.c.real
    return sa.select(
        *keys,
        sa.func.count(),
        sa.func.count(real),
        *(
            sa.func.coalesce(sa.func.sum(value), 0.0)
            for value in (
                error,
                sa.func.abs(error),
                error * error,
                error * error * error * error,
                real,
                sa.case((real > _SMALLEST, real * real), else_=0.0),
                _covered(paired, query.knots),
            )
        ),
    ).group_by(*keys)


def sums_of(found: Iterable[Sequence[Any]], query: SumsQuery, skipped: int = 0) -> Sums:
    """Return the rows of `sums` as a record, ordered by axis, day, version, band and kind."""
    names = ("", *(axis.name for axis in query.axes))
    between = {0: (0, 0), 1: (1,)}.get(len(query.axes), ())
    kindless: tuple[int, ...] = (Kind.PLAIN,) if query.kinds is None else ()
    at = 3 - len(kindless)
    rows = [
        (str(keys[0]), *keys[1:at], *kindless, *between, *keys[at:]) for keys in map(tuple, found)
    ]
    if query.axes:  # every row of the log has one band on the first of them
        whole: dict[tuple[Any, ...], list[Any]] = {}
        for day, version, kind, number, _, *figures in rows:
            if number == 1:
                so_far = whole.setdefault((day, version, kind, 0, 0), [0] * len(figures))
                so_far[:] = map(operator.add, so_far, figures)
        rows += [(*keys, *figures) for keys, figures in whole.items()]
    rows.sort(key=lambda row: (row[3], row[0], row[1], row[4], row[2]))
    days, versions, kinds, numbers, *rest = zip(*rows, strict=True) if rows else [()] * _COLUMNS
    axes = [names[number] for number in numbers]
    bands, n, labeled_ = (np.array(values, dtype=np.int64) for values in rest[:3])
    moments: dict[str, Any] = {
        name: np.array(values, dtype=np.float64)
        for name, values in zip(_MOMENTS, rest[3:], strict=True)
    }
    told = None if query.kinds is None else np.array(kinds, dtype=np.int64)
    return Sums(days, versions, axes, bands, n, labeled_, **moments, skipped=skipped, kinds=told)


def arrivals(source: Source, query: ArrivalsQuery, conditions: Sequence[Condition]) -> Rows:
    """Select the counts that `arrivals_of` takes: one row a day of arrival, and the two bands."""
    rows, prices = source.rows, source.prices
    predicted, real = rows.c.predicted_price, prices.c.real_price
    error, size = _error(predicted, real), _size(predicted)
    bands = [(error < bound * size, number) for number, bound in enumerate(query.errors)]
    told = query.kinds if query.left_out else None
    labels = (
        sa.select(
            sa.func.date(prices.c.timestamp).label("day"),
            _band(predicted, query.price).label("band"),
            (sa.case(*bands, else_=len(query.errors)) if bands else sa.literal(0)).label("off"),
            predicted.label("predicted"),
            real.label("real"),
            (sa.literal(0) if told is None else _kind(predicted, real, told)).label("kind"),
            sa.case((error >= size, -1.0), (error <= -size, 1.0), else_=-error / size).label(
                "relative"
            ),
        )
        .select_from(prices.join(rows, rows.c.id == prices.c.id))
        .where(counting(prices), *conditions)
        .subquery("labels")
    )
    keys = labels.c.day, labels.c.band, labels.c.off
    kept = [labels.c.kind != one for one in query.left_out] if told is not None else []
    return (
        sa.select(
            *keys,
            sa.func.count(),
            sa.func.sum(_covered(labels, query.knots)),
            sa.func.sum(labels.c.relative),
        )
        .where(*kept)
        .group_by(*keys)
    )


def arrivals_of(found: Iterable[Sequence[Any]], skipped: int = 0) -> Arrivals:
    """Return the rows of `arrivals` as a record, ordered by day and bands."""
    rows = sorted((str(day), *rest) for day, *rest in found)
    days, *counts, off = zip(*rows, strict=True) if rows else [()] * 6
    bands, errors, n, covered = (np.array(values, dtype=np.int64) for values in counts)
    return Arrivals(days, bands, errors, n, covered, np.array(off, dtype=np.float64), skipped)


def late(source: Source, query: LateQuery, conditions: Sequence[Condition]) -> Rows:
    """Select what `late_of` takes: one row. SQLite compares whole seconds."""
    rows, prices = source.rows, source.prices
    made, arrived = (sa.extract("epoch", table.c.timestamp) for table in (rows, prices))
    labels = (
        sa.select(made.label("made"), (arrived - made).label("delay"))
        .select_from(prices.join(rows, rows.c.id == prices.c.id))
        .where(
            counting(prices),
            *conditions,
            arrived >= query.since.timestamp(),
            made < query.since.timestamp(),
            arrived - made > query.delay,
        )
        .subquery("labels")
    )
    ends = [end(column) for column in labels.c for end in (sa.func.min, sa.func.max)]
    return sa.select(sa.func.count(), *ends)


def late_of(found: Iterable[Sequence[Any]]) -> Late:
    """Return the row of `late` as a record."""
    for n, *ends in found:
        if n:
            return Late(int(n), *map(float, ends))
    return Late()


def counting(prices: sa.FromClause) -> Condition:
    """Return the condition that a real price is the last of its id, and can be one."""
    newer = prices.alias("newer")
    corrected = sa.select(newer.c.id).where(
        newer.c.id == prices.c.id, newer.c.revision > prices.c.revision
    )
    price = prices.c.real_price
    return sa.and_(price > 0.0, price <= HIGHEST_PRICE, ~corrected.exists())


def cut(query: Rows, order: Sequence[Number], newest: int | None) -> Rows:
    """Return the query in `order`; with `newest` that many of its last rows, in reverse."""
    if newest is None:
        return query.order_by(*order)
    return query.order_by(*(column.desc() for column in order)).limit(max(newest, 0))


def _paired(source: Source, query: SumsQuery, conditions: Sequence[Condition]) -> sa.Subquery:
    """Select every prediction beside its real price, with its day and its bands."""
    rows, prices = source.rows, source.prices
    last = sa.select(prices.c.id, prices.c.real_price).where(counting(prices)).subquery("last")
    predicted = rows.c.predicted_price
    columns = {**source.features, PREDICTED: predicted}
    return (
        sa.select(
            sa.func.date(rows.c.timestamp).label("day"),
            rows.c.model_version.label("version"),
            *(
                _band(columns[axis.name], axis).label(f"band_{number}")
                for number, axis in enumerate(query.axes, 1)
            ),
            predicted.label("predicted"),
            last.c.real_price.label("real"),
            _error(predicted, last.c.real_price).label("error"),
            *(
                ()
                if query.kinds is None
                else (_kind(predicted, last.c.real_price, query.kinds).label("kind"),)
            ),
        )
        .select_from(rows.outerjoin(last, last.c.id == rows.c.id))
        .where(*conditions)
        .subquery("paired")
    )


def _kind(predicted: Number, real: Number, told: LabelKinds) -> Number:
    """Return the kind of a label; `judging.labels.kinds` calculates the same, to the bit."""
    equal = real.between(predicted * (1 - EQUAL_WITHIN), predicted * (1 + EQUAL_WITHIN))
    size = sa.case((predicted < told.floor, told.floor), else_=predicted)
    gap = sa.func.abs(predicted - real)
    halves = [step * HALF for step in told.steps]
    near = [(gap <= half, AGREES + number) for number, half in enumerate(halves)]
    # Most labels agree to no digit and have few: they are asked first.
    level = sa.case((gap > halves[-1], int(Kind.PLAIN)), (equal, int(Kind.EQUAL)), *near, else_=0)
    digits = sa.case(
        *(
            (_on_step(real / told.steps[number]), CLASS * (number + 1))
            for number in reversed(range(len(told.steps)))
        ),
        else_=0,
    )
    return sa.case(
        (real.is_(None), int(Kind.PLAIN)),
        (predicted > HIGHEST_PRICE, int(Kind.PLAIN)),  # products of it are no floats
        (sa.or_(real > size * told.far, size > real * told.far), int(Kind.FAR)),
        else_=digits + level,
    )


def _on_step(times: Number) -> Condition:
    return sa.func.abs(times - sa.func.round(times)) <= times * ON_STEP


def _error(predicted: Number, real: Number) -> Number:
    # The usual cases first: databases calculate an expression again wherever its name stands.
    error = predicted - real
    return sa.case(
        (real.is_(None), sa.null()),
        (sa.func.abs(error).between(_SMALLEST, HIGHEST_PRICE), error),
        (error > HIGHEST_PRICE, HIGHEST_PRICE),
        (error < -HIGHEST_PRICE, -HIGHEST_PRICE),
        else_=0.0,
    )


def _size(predicted: Number) -> Number:
    """Return |predicted|, 0 where products of it could not be held by a float."""
    size = sa.func.abs(predicted)
    return sa.case(
        (size.between(_SMALLEST, HIGHEST_PRICE), size),
        (size > HIGHEST_PRICE, HIGHEST_PRICE),
        else_=0.0,
    )


def _band(value: Number, axis: Axis) -> Number:
    bounds = [(value < edge, number) for number, edge in enumerate(axis.edges)]
    return sa.case((value.is_(None), -1), *bounds, else_=len(axis.edges))


def _covered(paired: sa.FromClause, knots: Knots | None) -> Number:
    """Return 1 where the real price lies in its interval, 0 elsewhere."""
    if knots is None:
        return sa.literal(0.0)
    predicted, real = paired.c.predicted, paired.c.real
    low, high = (_offset(predicted, knots.prices, ends) for ends in (knots.low, knots.high))
    # A real price is above 0, and so the lower end need not be at least 0.
    within = real.between(low + predicted, predicted + high)
    return sa.case((within, 1.0), else_=0.0)


def _offset(price: Number, knots: Sequence[float], ends: Sequence[float]) -> Number:
    """Return the interpolated offset; calculated as `IntervalModel.interval` does, to the bit."""
    parts: list[tuple[Condition, Any]] = [(price < knots[0], ends[0])]
    for at in range(1, len(knots)):
        width, rise = knots[at] - knots[at - 1], ends[at] - ends[at - 1]
        if width > 0.0:
            share = (price - knots[at - 1]) / width
            parts.append((price < knots[at], ends[at - 1] + share * rise))
    return sa.case(*parts, else_=ends[-1])
