"""One verified model version in memory, with all that answers are made of."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from housing_cli.errors import VersionCorrupt
from housing_cli.model.adapting import WINDOW, newest_factors
from housing_cli.model.compiled import CompiledModel
from housing_cli.model.intervals import IntervalModel
from housing_cli.prediction_log.sent_back import equal
from housing_cli.registry import INTERVALS_FILE, MODEL_FILE
from housing_cli.registry.audit import refusing, verify_files
from housing_cli.registry.names import CANARY, PRODUCTION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.api.gatherer import Row
    from housing_cli.config import Settings
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.prediction_log import PredictionLog
    from housing_cli.registry import Metadata, RegistryReader, Version

WARM_UP_ROWS = 3
NOT_FINITE = "the model gives no finite price for"


class Answer(msgspec.Struct, gc=False):
    """What the price of one row is answered with, as JSON says it."""

    predicted_price: float
    id: str
    model_version: str
    interval: Sequence[float] | msgspec.UnsetType = msgspec.UNSET
    coverage: float | msgspec.UnsetType = msgspec.UNSET
    outside: Sequence[str] | msgspec.UnsetType = msgspec.UNSET


class Served(msgspec.Struct, frozen=True):
    """A version whose file hash and golden rows were checked, ready to score.

    `intervals` is `None` for versions that carry none. factors: what the offsets of their ends were
    multiplied with, after what recent labels say (`adapter.py`). ranges: place, least and highest
    learned value, and name of each feature that has such a range.
    """

    version: Version
    model: CompiledModel
    intervals: IntervalModel | None
    factors: tuple[float, float] = (1.0, 1.0)
    ranges: tuple[tuple[int, float, float, str], ...] = ()

    @property
    def name(self) -> str:
        """Return the version's name, `v3`."""
        return self.version.name

    def outside(self, row: Row) -> list[str]:
        """Return the features of a row whose values are beyond all that were learned."""
        return [
            name
            for place, low, high, name in self.ranges
            if (value := row[place]) is not None and not low <= value <= high
        ]

    def outside_of(self, rows: NDArray[np.float64]) -> dict[int, list[str]]:
        """Return what `outside` does for each of the rows (n, k) that has any, by its place."""
        if not self.ranges:
            return {}
        places, lows, highs, names = zip(*self.ranges, strict=True)
        values = rows[:, places]
        beyond = (values < lows) | (values > highs)
        return {
            row: [names[place] for place in np.flatnonzero(beyond[row])]
            for row in np.flatnonzero(beyond.any(axis=1)).tolist()
        }

    def answer(
        self, price: float, spread: float, prediction_id: str, outside: Sequence[str] = ()
    ) -> Answer:
        """Return the answer for one recorded row; the interval's ends have six digits."""
        beyond = outside or msgspec.UNSET
        if self.intervals is None:
            return Answer(price, prediction_id, self.name, outside=beyond)
        low, high = self.intervals.interval(price, spread)
        ends = (float(f"{low:.6g}"), float(f"{high:.6g}"))
        return Answer(price, prediction_id, self.name, ends, self.intervals.coverage, beyond)

    def answers(
        self,
        prices: Sequence[float],
        spreads: Sequence[float],
        ids: Sequence[str],
        outside: Mapping[int, Sequence[str]] | None = None,
    ) -> list[Answer]:
        """Return the answers of a batch: as `answer` says them, four times faster a row.

        outside: by the place of the row, where there is any.
        """
        if self.intervals is None:
            answers = [
                Answer(price, key, self.name) for price, key in zip(prices, ids, strict=True)
            ]
        else:
            name, coverage = self.name, self.intervals.coverage
            ends = self.ends(np.asarray(prices), np.asarray(spreads)).tolist()
            answers = [
                Answer(price, key, name, pair, coverage)
                for price, key, pair in zip(prices, ids, ends, strict=True)
            ]
        for row, names in (outside or {}).items():
            answers[row].outside = names
        return answers

    def ends(
        self, prices: NDArray[np.float64], spreads: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the ends (n, 2) of the intervals that answers have; (n, 0) without intervals."""
        if self.intervals is None:
            return np.empty((len(prices), 0))
        return _six_digits(self.intervals.intervals(prices, spreads))

    def adapted(self, low: float, high: float) -> Served:
        """Return a version as it was loaded, with other factors."""
        if self.intervals is None:
            return self
        intervals = self.intervals.stretched(low, high)
        return msgspec.structs.replace(self, intervals=intervals, factors=(low, high))

    @property
    def schema(self) -> FeatureSchema:
        """Return the features that the version expects."""
        return self.version.metadata.schema


def load_served(registry: RegistryReader, ref: str) -> Served:
    """Load the version that `ref` names; nothing is unpickled.

    The bytes that are hashed are the bytes that are loaded; all is checked that `housing registry
    verify` checks of one version, against the history. The golden rows are scored, which
    also warms the session up.

    Raises:
        VersionNotFound: `ref` names nothing.
        VersionCorrupt: a hash, the graph, the golden rows or the intervals are wrong, or the
            history does not tell of the version.
    """
    version = registry.get(ref)
    with refusing(version):
        metadata = version.metadata
        verify_files(registry, version)
        raw = registry.read_file(version, MODEL_FILE)
        intervals = read_intervals(registry, version)
        spreads = intervals is not None and intervals.scaled is not None
        model = CompiledModel(raw, len(metadata.schema.features), spreads=spreads)
        model.check_golden(metadata.golden.inputs, metadata.golden.outputs)
        empty: Sequence[float | None] = [None] * model.n_features
        for _ in range(WARM_UP_ROWS):
            model.score_few([empty])
    del raw
    give_memory_back()
    return Served(version, model, intervals, ranges=_ranges(metadata))


def followed(settings: Settings) -> str:
    """Return the REF of what is served: that of the settings, or for a canary what stands behind.

    A canary that is served alone answers before production, which answers what it cannot.
    """
    version = settings.serve.version
    return PRODUCTION if version == CANARY else version


def _ranges(metadata: Metadata) -> tuple[tuple[int, float, float, str], ...]:
    return tuple(
        (place, *metadata.ranges[name], name)
        for place, name in enumerate(metadata.schema.features)
        if name in metadata.ranges
    )


def factors_of(loaded: Served, log: PredictionLog) -> tuple[float, float]:
    """Return what the newest labels of a version, as it was loaded, make of its intervals.

    Those that are the predicted price sent back do not count: they lie within any interval.
    """
    rows = log.labeled(version=loaded.name, newest=WINDOW)
    rows = rows.where(~equal(rows.real, rows.predicted))
    intervals = loaded.intervals
    if intervals is None or not len(rows):
        return 1.0, 1.0
    spreads = loaded.model.scored(rows.features)[1]
    offsets = intervals.offsets(rows.predicted, spreads)
    order = np.argsort(rows.labeled_at, kind="stable")
    residuals = rows.real - rows.predicted
    return newest_factors(residuals[order], offsets[order], intervals.coverage)


def read_intervals(registry: RegistryReader, version: Version) -> IntervalModel | None:
    """Return what the version's answers say of their errors; `None` where it carries no intervals.

    Raises `VersionCorrupt`.
    """
    if INTERVALS_FILE not in version.metadata.files:
        return None
    try:
        return IntervalModel.from_json(registry.read_file(version, INTERVALS_FILE))
    except ValueError as error:
        raise VersionCorrupt(
            f"`{INTERVALS_FILE}` of {version.name} holds no prediction intervals",
            "train the version anew, or use another one",
        ) from error


def _six_digits(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to six significant digits, as the format `.6g` does."""
    with np.errstate(divide="ignore"):
        decimals = 5 - np.floor(np.log10(np.abs(values)))
    fine, coarse = 10.0 ** np.clip(decimals, 0, 300), 10.0 ** np.clip(-decimals, 0, 300)
    rounded: NDArray[np.float64] = np.where(
        decimals < 0, np.rint(values / coarse) * coarse, np.rint(values * fine) / fine
    )
    return rounded


def same_columns(one: FeatureSchema, other: FeatureSchema) -> bool:
    """Return whether rows of both fit into one log."""
    return one.features == other.features and one.target == other.target


def same_meaning(one: FeatureSchema, other: FeatureSchema) -> bool:
    """Return whether a client may send the same rows to both; limits and words may differ."""
    return same_columns(one, other) and one.kind_names() == other.kind_names()


def give_memory_back() -> None:
    """Return to the system what loading needed only for a moment: 47 of 93 MB for 300 trees."""
    with contextlib.suppress(OSError, AttributeError):  # only the GNU C library has it
        ctypes.CDLL(None).malloc_trim(0)
