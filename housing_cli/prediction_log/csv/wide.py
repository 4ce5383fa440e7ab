"""Reads the whole csv files with DuckDB, for every window that their ends do not answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from housing_cli.prediction_log import statements
from housing_cli.prediction_log.csv.staging import Staged
from housing_cli.prediction_log.records import (
    PREDICTED,
    Arrivals,
    ArrivalsQuery,
    Labeled,
    Late,
    LateQuery,
    Predictions,
    Sums,
    SumsQuery,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.prediction_log.csv.query import Query


def labeled(query: Query) -> Labeled:
    """Return labeled rows, oldest first. Raises `LogUnavailable`."""
    with Staged(query, range(query.width if query.features else 0)) as staged:
        source = staged.source
        statement = statements.labeled(
            source, source.features, (), staged.order, query.newest
        ).add_columns(source.rows.c.timestamp)
        found = columns_of(staged, statement, query)
        return Labeled(
            ids=found["key"].tolist(),
            timestamps=seconds_of(found["timestamp"]),
            labeled_at=seconds_of(found["labeled_at"]),
            versions=found["model_version"].tolist(),
            features=matrix_of(found, source.features),
            predicted=found["predicted_price"],
            real=found["real_price"],
            skipped=staged.skipped,
            repeated=staged.repeated,
        )


def predictions(query: Query) -> Predictions:
    """Return predictions, oldest first. Raises `LogUnavailable`."""
    with Staged(query, range(query.width)) as staged:
        source = staged.source
        statement = statements.predictions(source, (), staged.order, query.newest).add_columns(
            source.rows.c.timestamp
        )
        found = columns_of(staged, statement, query)
        return Predictions(
            ids=found["key"].tolist(),
            timestamps=seconds_of(found["timestamp"]),
            versions=found["model_version"].tolist(),
            features=matrix_of(found, source.features),
            predicted=found["predicted_price"],
            labeled=found["labeled"] > 0,
            skipped=staged.skipped,
            repeated=staged.repeated,
        )


def sums(query: Query, asked: SumsQuery, features: Sequence[str]) -> Sums:
    """Return sums by the bands of `features`, all that the log has. Raises `LogUnavailable`."""
    places = {axis.name: features.index(axis.name) for axis in asked.axes if axis.name != PREDICTED}
    with Staged(query, sorted(set(places.values()))) as staged:
        columns = {name: staged.source.features[f"f{place}"] for name, place in places.items()}
        statement = statements.sums(staged.source._replace(features=columns), asked, ())
        found = statements.sums_of(staged.rows(statement), asked, staged.skipped)
        return msgspec.structs.replace(found, repeated=staged.repeated)


def arrivals(query: Query, asked: ArrivalsQuery) -> Arrivals:
    """Return counts of labels by the day of their arrival. Raises `LogUnavailable`."""
    with Staged(query, ()) as staged:
        statement = statements.arrivals(staged.source, asked, ())
        return statements.arrivals_of(staged.rows(statement), staged.skipped)


def late(query: Query, asked: LateQuery) -> Late:
    """Return the labels that came too late for a window. Raises `LogUnavailable`."""
    with Staged(query, ()) as staged:
        return statements.late_of(staged.rows(statements.late(staged.source, asked, ())))


def columns_of(staged: Staged, statement: statements.Rows, query: Query) -> dict[str, NDArray[Any]]:
    """Return what `statement` selects, oldest first."""
    step = 1 if query.newest is None else -1
    return {name: values[::step] for name, values in staged.columns(statement).items()}


def seconds_of(times: NDArray[Any]) -> NDArray[np.float64]:
    """Return epoch seconds of times in microseconds."""
    return times.astype("datetime64[us]").astype(np.int64) / 1e6


def matrix_of(found: dict[str, NDArray[Any]], names: Iterable[str]) -> NDArray[np.float64]:
    """Return columns as (n, k), NaN for missing."""
    columns = [np.ma.filled(found[name].astype(np.float64), np.nan) for name in names]
    return np.stack(columns, axis=1) if columns else np.empty((len(found["key"]), 0))
