"""What a prediction log takes and gives: groups to append, rows, and sums of rows.

Times are UTC, and so are days, wherever log, server and reader stand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from housing_cli.prediction_log.ids import canonical

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    reading (hand edits, a power loss); they are no rows. repeated: lines met whose prediction
    stands in the log already (a backup that was appended); it counts once.
    """

    ids: Sequence[str]
    timestamps: NDArray[np.float64]
    labeled_at: NDArray[np.float64]
    versions: Sequence[str]
    features: NDArray[np.float64]
    predicted: NDArray[np.float64]
    real: NDArray[np.float64]
    skipped: int = 0
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, picked: NDArray[np.bool_]) -> Labeled:
        """Return the rows for which `picked` (n,) is true."""
        return Labeled(
            [found for found, one in zip(self.ids, picked, strict=True) if one],
            self.timestamps[picked],
            self.labeled_at[picked],
            [found for found, one in zip(self.versions, picked, strict=True) if one],
            self.features[picked],
            self.predicted[picked],
            self.real[picked],
            self.skipped,
            self.repeated,
        )


class Broken(msgspec.Struct, frozen=True):
    """A line that is no row: its file, and its number there; the header has 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"`{self.file}`, line {self.line}"


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
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.ids)


SERVED_NUMBERS: Final = ("lower", "upper", "shadow_price")
"""Which columns of `Served` are numbers; the others are text."""


class Served(msgspec.Struct, frozen=True):
    """What one answer carried beyond price and version; None for what it did not carry.

    lower, upper: the ends of its interval. arm: which version was chosen for it, of several.
    shadow_version, shadow_price: who else was asked, and what it said. house_id, request_id: the
    caller's words. Prices are in the target's unit. The fields are the columns of the table.
    """

    id: str
    lower: float | None = None
    upper: float | None = None
    arm: str | None = None
    shadow_version: str | None = None
    shadow_price: float | None = None
    house_id: str | None = None
    request_id: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for what some back end could not take, or not give back the same."""
        if canonical(self.id) != self.id:
            raise ValueError(f"`{self.id[:64]}` is not the id of a prediction")
        for name in self.__struct_fields__[1:]:
            value = getattr(self, name)
            if value is None:
                continue
            if name in SERVED_NUMBERS and not math.isfinite(value):
                raise ValueError(f"`{name}` is not finite")
            if name not in SERVED_NUMBERS and not (value and value.isprintable()):
                raise ValueError(f"`{name}` is empty, or has characters that cannot be printed")

    def columns(self) -> tuple[str | float | None, ...]:
        """Return the values of the fields; numbers of NumPy become plain floats."""
        return tuple(
            float(value) if name in SERVED_NUMBERS and value is not None else value
            for name, value in msgspec.structs.asdict(self).items()
        )


class Initialized(msgspec.Struct, frozen=True):
    """What `init` found and left.

    before: the log's format, 0 where there was none. format: its format now. granted: what was
    granted, as statements. to_grant: what another role still needs, as statements.
    """

    before: int
    format: int
    granted: Sequence[str] = ()
    to_grant: Sequence[str] = ()


PREDICTED: Final = "predicted_price"
"""The axis of the predicted price, beside those of the features."""


class Axis(msgspec.Struct, frozen=True):
    """A column by whose bands rows are counted: a feature's name, or `PREDICTED`.

    edges: ascending inner bounds. A value lies in the band of as many edges as are at or below it
    (as `numpy.searchsorted(edges, value, side="right")`); a missing one in band -1. words: of each
    band, where the values are codes or days: such bands are not put together.
    """

    name: str
    edges: tuple[float, ...]
    words: tuple[str, ...] = ()


class Knots(msgspec.Struct, frozen=True):
    """Prediction intervals by predicted price, as `IntervalModel` interpolates them.

    prices: ascending. low (at most 0), high (at least 0): offsets of the ends at these prices.
    """

    prices: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


EQUAL_WITHIN: Final = 1.2e-7
"""Relative: what a client may lose of an answered price that is a float32, one unit of it."""


class Kind(IntEnum):
    """What a real price looks like beside the predicted one.

    EQUAL: the same, within `EQUAL_WITHIN`. FAR: more than `LabelKinds.far` times off. PLAIN:
    neither, or there is no real price.
    """

    PLAIN = 0
    EQUAL = 1
    FAR = 2


AGREES: Final = 3
"""And more: it lies within half of `LabelKinds.steps[kind - AGREES]` of the predicted price."""
CLASS: Final = 16
"""So many kinds are one class of digits: how large a step real prices are multiples of."""
HALF, ON_STEP = 0.500001, 1e-9
"""Half a step, and how far off a step its multiples lie: more than what arithmetic loses."""


class LabelKinds(msgspec.Struct, frozen=True):
    """By what kinds of labels are told apart.

    far: a price is far off where the ratio to the predicted one is larger, either way. floor: a
    predicted price counts as at least this there. steps: ascending, of rounded prices, at most 12.
    """

    far: float
    floor: float
    steps: tuple[float, ...]


class SumsQuery(msgspec.Struct, frozen=True):
    """What `sums` is asked for.

    version: None for all. since: predicted at or after it (aware UTC). axes: each gives records of
    its own beside those of all rows. knots: what `covered` is counted by; without them it is 0.
    kinds: with it, each kind of label has records of its own.
    """

    version: str | None = None
    since: datetime | None = None
    axes: tuple[Axis, ...] = ()
    knots: Knots | None = None
    kinds: LabelKinds | None = None


class Sums(msgspec.Struct, frozen=True):
    """Sums over the predictions of one UTC day, version and band; m records as columns.

    days: `2026-01-31`, by the time of the prediction. axes: "" for all rows of the day, else the
    axis whose `bands` count. n: predictions. labeled: those with a real price, which alone are in
    the sums that follow: error (predicted - real), absolute, squared, fourth (powers of it), real,
    real_squared, and covered (how many lie within their interval). skipped, repeated: as in
    `Labeled`. kinds: of the rows of each record (see `statements`); None where it was not asked
    for.
    """

    days: Sequence[str]
    versions: Sequence[str]
    axes: Sequence[str]
    bands: NDArray[np.int64]
    n: NDArray[np.int64]
    labeled: NDArray[np.int64]
    error: NDArray[np.float64]
    absolute: NDArray[np.float64]
    squared: NDArray[np.float64]
    fourth: NDArray[np.float64]
    real: NDArray[np.float64]
    real_squared: NDArray[np.float64]
    covered: NDArray[np.float64]
    skipped: int = 0
    kinds: NDArray[np.int64] | None = None
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.days)


class ArrivalsQuery(msgspec.Struct, frozen=True):
    """What `arrivals` is asked for; `version`, `since` and `knots` as in `SumsQuery`.

    price: bands of the predicted price. errors: ascending inner bounds of the bands of the relative
    error; its band is how many `bound * |predicted|` are at or below predicted - real. kinds: as
    in `SumsQuery`; left_out: which kinds of label, told by it, are not counted.
    """

    version: str
    since: datetime | None
    price: Axis
    errors: tuple[float, ...]
    knots: Knots | None = None
    kinds: LabelKinds | None = None
    left_out: tuple[int, ...] = ()


class Arrivals(msgspec.Struct, frozen=True):
    """Counts of labels by the UTC day on which the price that counts came in; m records as columns.

    days: `2026-01-31`, ascending. bands: of the predicted price. errors: of the relative error. n:
    labels. covered: how many of them lie within their interval. relative: the sum of
    (real - predicted) / |predicted|, of each row from -1 to 1. skipped: as in `Labeled`.
    """

    days: Sequence[str]
    bands: NDArray[np.int64]
    errors: NDArray[np.int64]
    n: NDArray[np.int64]
    covered: NDArray[np.int64]
    relative: NDArray[np.float64]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.days)


class LateQuery(msgspec.Struct, frozen=True):
    """What `late` is asked for: labels of `version` that came too late for a window.

    since: where the window begins (aware UTC); the labels came in at or after it, for predictions
    before it. floor: no prediction before it is looked at. delay: the window's length in seconds;
    a label that came sooner after its prediction was in the window for a while, and is not late.
    """

    version: str
    since: datetime
    floor: datetime
    delay: float


class Late(msgspec.Struct, frozen=True):
    """Labels that no look at a window could count; nan where there are none.

    n: how many. oldest, newest: epoch seconds of their predictions. shortest, longest: seconds
    from prediction to the price that counts.
    """

    n: int = 0
    oldest: float = math.nan
    newest: float = math.nan
    shortest: float = math.nan
    longest: float = math.nan


def checked_price(real_price: float) -> float:
    """Return a real price as a float. Raises ValueError if it is not finite or not above 0."""
    real = float(real_price)
    if not 0 < real <= HIGHEST_PRICE:
        raise ValueError(f"a real price must be finite, above 0, at most {HIGHEST_PRICE:g}: {real}")
    return real
