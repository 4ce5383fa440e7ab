"""The log as a data frame: predictions beside their real prices, in the words of people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from housing_cli.config import Settings
from housing_cli.data.kinds import Boolean, Category, Date, Kind, shown
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import RegistryError
from housing_cli.prediction_log import open_log
from housing_cli.registry import open_reader

_VERSION = "model_version"


def logged(
    settings: Settings, version: str | None, newest: int | None, since: datetime | None
) -> pd.DataFrame:
    """Return predictions, oldest first; see `housing_cli.log`. Raises `LogError`."""
    schemas = _schemas(settings)
    schema = schemas.get("production", settings.schema())
    with closing(open_log(settings.log.url, schema, fsync=settings.log.fsync)) as log:
        rows = log.predictions(version=version, newest=newest, since=since)
        prices = log.labeled(version=version, since=since, features=False)
    frame = pd.DataFrame({"id": _texts(rows.ids), "timestamp": _times(rows.timestamps)})
    frame[_VERSION] = _texts(rows.versions)
    for place, name in enumerate(schema.features):
        frame[name] = _column(rows.features[:, place], frame[_VERSION], schemas, schema, name)
    frame["predicted_price"] = rows.predicted
    known = pd.DataFrame({"id": _texts(prices.ids), "real_price": prices.real})
    known["labeled_at"] = _times(prices.labeled_at)
    # A feature keeps its name, as in `housing predict`.
    taken = {name: f"housing_{name}" for name in ("real_price", "labeled_at") if name in frame}
    return frame.merge(known.rename(columns=taken), on="id", how="left")


def _schemas(settings: Settings) -> dict[str, FeatureSchema]:
    """Return the schema of each version that can be read, and of production under its alias."""
    registry = open_reader(settings)
    found = {one.name: one.metadata.schema for one in registry.survey()[0]}
    with suppress(RegistryError):  # a log may be read without a registry
        found["production"] = registry.get("production").metadata.schema
    return found


def _texts(values: Sequence[str]) -> pd.Series:
    return pd.Series(list(values), dtype="str")


def _times(seconds: NDArray[np.float64]) -> pd.Series:
    """Return epoch seconds as times in UTC, which have milliseconds in the log."""
    return pd.Series(pd.to_datetime(np.rint(seconds * 1000), unit="ms", utc=True))


def _column(
    numbers: NDArray[np.float64],
    versions: pd.Series,
    schemas: dict[str, FeatureSchema],
    schema: FeatureSchema,
    name: str,
) -> Any:
    """Return a feature as people say it; words by the vocabulary of the version that read them."""
    if all(name not in one.kinds for one in (schema, *schemas.values())):
        return numbers
    found = np.full(len(numbers), None, dtype=object)
    for version in versions.unique():
        rows = np.flatnonzero(versions == version)
        own = schemas.get(version, schema)
        word = _word_of(own.kind(name))
        codes, places = np.unique(numbers[rows], return_inverse=True)
        words = np.empty(len(codes), dtype=object)
        words[:] = [None if np.isnan(code) else word(code) for code in codes.tolist()]
        found[rows] = words[places]
    return found


def _word_of(kind: Kind | None) -> Callable[[float], Any]:
    if isinstance(kind, Boolean):
        return bool
    if isinstance(kind, Date):
        return lambda days: pd.Timestamp(int(days), unit="D").date()
    if isinstance(kind, Category):
        return lambda code: shown(kind, code)
    return float
