"""Answers that a trial had a part in, and what became of them: what a log is asked, and gives."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from housing_cli.prediction_log.records import Labeled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TriedQuery(msgspec.Struct, frozen=True):
    """Which answers are asked for: those whose row of `served` says so.

    shadow: the version that was asked beside the one that answered. arm: the arm that was chosen;
    None: any or none. since: predicted at or after it (aware UTC). labeled: only answers with a
    real price are rows. newest: so many of the last rows. features: give them, too. The last three
    leave `Tried.made` as it is.
    """

    shadow: str | None = None
    arm: str | None = None
    since: datetime | None = None
    labeled: bool = False
    newest: int | None = None
    features: bool = False


class Made(msgspec.Struct, frozen=True):
    """How many of the answers asked for one version made.

    n: answers. priced: those that the shadow gave a price for. labeled: those with a real price.
    both: labeled ones that the shadow gave a price for.
    """

    version: str
    n: int
    priced: int
    labeled: int
    both: int


class Tried(msgspec.Struct, frozen=True):
    """Answers that a trial had a part in, oldest prediction first: n rows.

    ids, timestamps, versions, features, predicted, skipped, repeated: as in `Labeled`; features
    may be (n, 0). arms, shadows: n strings each, "" for none. shadow_prices: float64 (n,), NaN
    where the shadow failed, or none was asked. real, labeled_at: float64 (n,), NaN without a real
    price. made: of all answers asked for, by the version that made them, in the order of its name.
    """

    ids: Sequence[str]
    timestamps: NDArray[np.float64]
    versions: Sequence[str]
    arms: Sequence[str]
    shadows: Sequence[str]
    features: NDArray[np.float64]
    predicted: NDArray[np.float64]
    shadow_prices: NDArray[np.float64]
    labeled_at: NDArray[np.float64]
    real: NDArray[np.float64]
    made: Sequence[Made] = ()
    skipped: int = 0
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, picked: NDArray[np.bool_]) -> Tried:
        """Return the rows for which `picked` (n,) is true; `made` stays."""
        kept = picked.nonzero()[0].tolist()
        columns = {
            name: [getattr(self, name)[at] for at in kept]
            for name in ("ids", "versions", "arms", "shadows")
        }
        arrays = {
            name: getattr(self, name)[picked]
            for name in (
                "timestamps", "features", "predicted", "shadow_prices", "labeled_at", "real",
            )
        }  # fmt: skip
        return msgspec.structs.replace(self, **columns, **arrays)

    def answers(self) -> Labeled:
        """Return the rows as what judges labels takes; each has a real price."""
        return Labeled(
            self.ids, self.timestamps, self.labeled_at, self.versions, self.features,
            self.predicted, self.real, self.skipped, self.repeated,
        )  # fmt: skip
