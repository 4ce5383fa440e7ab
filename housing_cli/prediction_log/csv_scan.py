"""Joins whole csv files, for windows that the ends of the files do not answer."""

from __future__ import annotations

from datetime import datetime

from housing_cli.prediction_log import Labeled, Predictions
from housing_cli.prediction_log.csv_reader import LineReader
from housing_cli.prediction_log.csv_rows import (
    FeedbackRow,
    PredictionRow,
    feedback_row,
    prediction_row,
)
from housing_cli.prediction_log.csv_window import labeled_of, predictions_of
from housing_cli.prediction_log.ids import ceil_ms


def labeled(
    rows: LineReader,
    prices: LineReader,
    width: int,
    version: str | None,
    newest: int | None,
    since: datetime | None,
) -> Labeled:
    """Return labeled rows, oldest first."""
    latest, broken = _latest(prices)
    found, skipped = _rows(rows, width, version, since, latest)
    return labeled_of(found[-newest if newest else 0 :], latest, width, broken + skipped)


def predictions(
    rows: LineReader,
    prices: LineReader,
    width: int,
    version: str | None,
    newest: int | None,
    since: datetime | None,
) -> Predictions:
    """Return predictions, oldest first."""
    latest, broken = _latest(prices)
    found, skipped = _rows(rows, width, version, since, None)
    return predictions_of(found[-newest if newest else 0 :], latest, width, broken + skipped)


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


def _rows(
    rows: LineReader,
    width: int,
    version: str | None,
    since: datetime | None,
    latest: dict[str, FeedbackRow] | None,
) -> tuple[list[PredictionRow], int]:
    found, skipped = [], 0
    floor = ceil_ms(since)
    for block in rows.forward():
        for line in block.split(b"\n")[:-1]:
            try:
                row = prediction_row(line, width)
            except ValueError:
                skipped += 1
                continue
            if (
                row.predicted_at * 1000 >= floor
                and (version is None or row.version == version)
                and (latest is None or row.id in latest)
            ):
                found.append(row)
    found.sort(key=lambda row: row.predicted_at)
    return found, skipped
