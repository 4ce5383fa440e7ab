"""The record of every prediction and of every real price that came in later.

One protocol, three back ends, chosen by URL: `csv:logs`, `sqlite:///logs/predictions.db`,
`postgresql+psycopg://...`. `open_log` returns the one that a URL names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

from housing_cli.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from housing_cli.data.schema import FeatureSchema

Outcome = Literal["recorded", "unchanged", "corrected"]

Group = tuple[str, Sequence[Sequence[float | None]], Sequence[float]]
"""The arguments of one `append`: model version, rows of features, predicted prices."""


HIGHEST_PRICE: Final = 3.4e38
"""Models calculate in float32: none could give a higher one."""


class Feedback(msgspec.Struct, frozen=True):
    """What became of one real price, and the prediction that it belongs to.

    Prices are in the target's unit (Boston: thousands of US dollars); times are epoch seconds.
    """

    outcome: Outcome
    model_version: str
    predicted_price: float
    predicted_at: float


class Labeled(msgspec.Struct, frozen=True):
    """Labeled predictions, oldest first: n rows whose real price came in.

    ids: n strings. timestamps, labeled_at: float64 (n,), epoch seconds of the prediction and of
    the last real price. versions: n strings. features: float64 (n, k), NaN for missing.
    predicted, real: float64 (n,), prices in the target's unit. skipped: broken lines met while
    reading (hand edits, a power loss); they are no rows.
    """

    ids: Sequence[str]
    timestamps: NDArray[np.float64]
    labeled_at: NDArray[np.float64]
    versions: Sequence[str]
    features: NDArray[np.float64]
    predicted: NDArray[np.float64]
    real: NDArray[np.float64]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.ids)


class Predictions(msgspec.Struct, frozen=True):
    """Predictions with or without a real price, oldest first; fields as in `Labeled`.

    labeled: bool (n,), whether a real price came in.
    """

    ids: Sequence[str]
    timestamps: NDArray[np.float64]
    versions: Sequence[str]
    features: NDArray[np.float64]
    predicted: NDArray[np.float64]
    labeled: NDArray[np.bool_]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.ids)


class PredictionLog(Protocol):
    """What every back end does. Any method may raise `LogUnavailable`; it may recover later.

    Writers wait for each other. With `wait=False` a log that is not `blocking` raises `LogBusy`
    instead, before anything is written, when it would have to wait for more than milliseconds.
    """

    url: str
    blocking: bool
    """Whether `append` and `feedback` may wait for a disk, a database or another machine: a server
    then calls them outside its event loop, as groups."""

    def append(
        self,
        model_version: str,
        features: Sequence[Sequence[float | None]],
        predicted: Sequence[float],
        *,
        wait: bool = True,
    ) -> list[str]:
        """Record predictions, all or none; return their ids (time-ordered UUIDs, version 7).

        When it returns, the rows have left the process: `kill -9` does not lose them.
        """

    def append_groups(self, groups: Iterable[Group], *, wait: bool = True) -> list[list[str]]:
        """Record the rows of several `append` calls at once, all or none; return the ids of each.

        For requests that wait at the same time: one transaction or one write for all of them. An
        iterator is read to its end before anything is written, and nothing is when it raises.
        """

    def feedback(self, prediction_id: str, real_price: float, *, wait: bool = True) -> Feedback:
        """Record the real price of one prediction; the last value counts.

        The same value again changes nothing. Raises `UnknownPrediction`, and ValueError for a
        price that is not finite or not above 0.
        """

    def labeled(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
        features: bool = True,
    ) -> Labeled:
        """Return labeled rows of `version` (None: all), oldest first.

        The newest `newest` of them and/or those predicted at or after `since` (aware UTC).
        Without `features` a log may leave them out, (n, 0), and what is broken in them alone is no
        broken line then: millions of rows take a third of the time.
        """

    def predictions(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
    ) -> Predictions:
        """Return predictions whether or not they are labeled; arguments as in `labeled`."""

    def check(self) -> None:
        """Raise `LogUnavailable` or `LogSchemaMismatch` when rows cannot be written now."""

    def close(self) -> None:
        """Release what is held; a closed log is not used again."""


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
    raise ConfigError(
        f"`{redacted(url)}` is not the URL of a prediction log",
        "use `csv:DIRECTORY`, `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/DATABASE`",
    )


def checked_price(real_price: float) -> float:
    """Return a real price as a float. Raises ValueError if it is not finite or not above 0."""
    real = float(real_price)
    if not 0 < real <= HIGHEST_PRICE:
        raise ValueError(f"a real price must be finite, above 0, at most {HIGHEST_PRICE:g}: {real}")
    return real


def redacted(url: str) -> str:
    """Return `url` without its password, fit for messages."""
    url = re.sub(r"([?&][^=&]*password=)[^&]*", r"\1***", url)
    scheme, separator, rest = url.partition("://")
    if not separator or "@" not in rest:
        return url
    credentials, _, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}://{user}:***@{host}"
