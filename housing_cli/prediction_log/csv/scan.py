"""Joins whole csv files, for windows that the ends of the files do not answer."""

from __future__ import annotations

from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.csv.rows import (
    FeedbackRow,
    PredictionRow,
    feedback_row,
    prediction_row,
)
from housing_cli.prediction_log.csv.window import labeled_of, predictions_of
from housing_cli.prediction_log.records import Labeled, Predictions


def labeled(query: Query) -> Labeled:
    """Return labeled rows, oldest first."""
    latest, broken = _latest(query.prices)
    found, skipped = _rows(query, latest)
    return labeled_of(query.cut(found), latest, query.width, broken + skipped)


def predictions(query: Query) -> Predictions:
    """Return predictions, oldest first."""
    latest, broken = _latest(query.prices)
    found, skipped = _rows(query, None)
    return predictions_of(query.cut(found), latest, query.width, broken + skipped)


def _latest(prices: LineReader) -> tuple[dict[str, FeedbackRow], int]:
    latest: dict[str, FeedbackRow] = {}
    skipped = 0
    for block in prices.forward():
        for line in block.splitlines():
            try:
                row = feedback_row(line)
            except ValueError:
                skipped += 1
                continue
            latest[row.id] = row
    return latest, skipped


def _rows(query: Query, latest: dict[str, FeedbackRow] | None) -> tuple[list[PredictionRow], int]:
    found, skipped = [], 0
    for block in query.rows.forward():
        for line in block.split(b"\n")[:-1]:
            try:
                row = prediction_row(line, query.width)
            except ValueError:
                skipped += 1
                continue
            if query.wants(row) and (latest is None or row.id in latest):
                found.append(row)
    found.sort(key=lambda row: row.predicted_at)
    return found, skipped
