"""The record of every prediction and of every real price that came in later.

One protocol, and a back end for each kind of URL: `open_log` returns the one that a URL names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.prediction_log import urls
from housing_cli.prediction_log.protocol import PredictionLog
from housing_cli.prediction_log.records import (
    HIGHEST_PRICE,
    Feedback,
    Group,
    Labeled,
    Predictions,
    Served,
)
from housing_cli.prediction_log.urls import redacted

if TYPE_CHECKING:
    from housing_cli.data.schema import FeatureSchema

__all__ = [
    "HIGHEST_PRICE",
    "Feedback",
    "Group",
    "Labeled",
    "PredictionLog",
    "Predictions",
    "Served",
    "open_log",
    "redacted",
]


def open_log(url: str, schema: FeatureSchema, *, fsync: bool = False) -> PredictionLog:
    """Return the log that `url` names, for rows of `schema`.

    Opening neither creates nor reads anything that is not needed: a log that is missing is empty,
    and the first row creates it. Raises `ConfigError` for a URL of no known kind.
    """
    kind, rest = urls.split(url)
    if kind == "csv":
        from housing_cli.prediction_log.csv.log import CsvLog

        return CsvLog(rest, schema, fsync=fsync)
    from housing_cli.prediction_log.sql.log import SqlLog

    return SqlLog(url, schema, fsync=fsync)
