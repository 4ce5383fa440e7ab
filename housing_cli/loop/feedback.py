"""The real prices that a challenger learns from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from housing_cli.config import Settings
from housing_cli.errors import InsufficientEvidence
from housing_cli.judging.houses import crowding
from housing_cli.judging.label_rule import Rule
from housing_cli.judging.labels import NAMED, counting, counts_of, doubts_of
from housing_cli.judging.sums import total
from housing_cli.model.compiled import HIGHEST, fits
from housing_cli.prediction_log import Labeled, open_log
from housing_cli.prediction_log.records import SumsQuery
from housing_cli.words import are, counted


@dataclass(frozen=True, slots=True)
class Feedback:
    """Labeled rows of all versions, oldest first; left_out: how many more are older.

    equal: how many labels are the predicted price sent back; unfit: how many are of a house with a
    number beyond float32, which no model can take. Both are no rows. unfit_named: at most `NAMED`
    of the newest of these, in words.
    """

    rows: Labeled
    left_out: int
    equal: int = 0
    unfit: int = 0
    unfit_named: tuple[str, ...] = ()

    def described(self) -> dict[str, object]:
        """Return what the evidence says of the rows; times are epoch seconds."""
        return {
            "rows": len(self.rows),
            "left_out": self.left_out,
            "equal_to_prediction": self.equal,
            "beyond_float32": self.unfit,
            "beyond_float32_rows": list(self.unfit_named),
            "versions": dict(sorted(Counter(self.rows.versions).items())),
            "oldest": float(self.rows.timestamps.min()),
            "newest": float(self.rows.timestamps.max()),
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of which prediction has which real price."""
        digest = hashlib.sha256()
        for prediction_id, price in zip(self.rows.ids, self.rows.real.tolist(), strict=True):
            digest.update(f"{prediction_id},{price!r}\n".encode())
        return digest.hexdigest()


def read_feedback(settings: Settings, rule: Rule) -> Feedback:
    """Return the newest `retrain.max_rows` of the labeled rows, less those that teach nothing.

    Predicted prices sent back, and rows that no model can take: an older server, or another system,
    may have logged them. rule: when labels equal predictions beyond coincidence. Raises
    `InsufficientEvidence` for fewer than `retrain.min_samples`.
    """
    most, fewest = settings.retrain.max_rows, max(settings.retrain.min_samples, 2)
    log = open_log(settings.log.url, settings.schema(), fsync=settings.log.fsync)
    try:
        rows = log.labeled(newest=most)
        # Counted only where there may be more: a count reads the whole log.
        known = int(total(log.sums(SumsQuery())).labeled) if len(rows) == most else len(rows)
    finally:
        log.close()
    left_out = max(known - len(rows), 0)
    taken = fits(rows.features)
    unfit, named = int((~taken).sum()), _named(rows.where(~taken), settings.schema().features)
    rows = rows.where(taken)
    doubts = doubts_of(counts_of(rows, rule), rows, rule, crowding(rows.features))
    equal = doubts.equal.count if doubts.equal else 0
    # Mistyped prices stay: a challenger that would learn one is refused, and the price named.
    rows = counting(rows, replace(doubts, excluded=doubts.sent_back), rule)
    if len(rows) < fewest:
        besides = [f"{equal} more {are(equal)} the predicted price sent back"] if equal else []
        if unfit:
            besides.append(
                f"{unfit} more {are(unfit)} of houses with a number beyond float32: "
                + ", ".join(named)
            )
        # More labels do not help where no more of them are read.
        capped = most < fewest <= known
        raise InsufficientEvidence(
            f"{counted(len(rows), 'labeled prediction')} {are(len(rows))} "
            f"too few to retrain on: {fewest} are needed"
            + (f" ({'; '.join(besides)})" if besides else ""),
            f"set `retrain.max_rows` higher: it is {most}, and there are {known} real prices"
            if capped
            else "send real prices to `/feedback`, or set `retrain.min_samples` lower",
            {"labeled": len(rows), "needed": fewest},
        )
    return Feedback(rows, left_out, equal, unfit, named)


def _named(rows: Labeled, features: Sequence[str]) -> tuple[str, ...]:
    """Return in words the newest rows that hold a number beyond float32."""
    found = []
    for key, values in list(zip(rows.ids, rows.features, strict=True))[: -NAMED - 1 : -1]:
        at = int(np.argmax(np.abs(values) > HIGHEST))
        found.append(f"{key} ({features[at]} {values[at]:g})")
    return tuple(found)
