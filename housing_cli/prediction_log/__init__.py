"""The record of every prediction and of every real price that came in later.

One protocol, and a back end for each kind of URL: `open_log` returns the one that a URL names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from housing_cli.errors import ConfigError
from housing_cli.prediction_log.protocol import PredictionLog
from housing_cli.prediction_log.records import (
    HIGHEST_PRICE,
    Feedback,
    Group,
    Labeled,
    Predictions,
    Served,
)

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


URLS = "`csv:DIRECTORY`, `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/DATABASE`"


def open_log(url: str, schema: FeatureSchema, *, fsync: bool = False) -> PredictionLog:
    """Return the log that `url` names, for rows of `schema`.

    Opening neither creates nor reads anything that is not needed: a log that is missing is empty,
    and the first row creates it. Raises `ConfigError` for a URL of no known kind.
    """
    kind, _, rest = url.partition(":")
    if kind == "csv" and rest:
        from housing_cli.prediction_log.csv.log import CsvLog

        return CsvLog(rest, schema, fsync=fsync)
    if kind in {"sqlite", "postgres", "postgresql", "postgresql+psycopg"} and rest.startswith("//"):
        from housing_cli.prediction_log.sql.log import SqlLog

        return SqlLog(url, schema, fsync=fsync)
    raise ConfigError(f"`{redacted(url)}` is not the URL of a prediction log", f"use {URLS}")


def redacted(url: str) -> str:
    """Return `url` without its password, fit for messages."""
    url = re.sub(r"([?&][^=&]*password=)[^&]*", r"\1***", url)
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    credentials, _, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}://{user}:***@{host}"
