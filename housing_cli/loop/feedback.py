"""The real prices that a challenger learns from."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace

from housing_cli.config import Settings
from housing_cli.errors import InsufficientEvidence
from housing_cli.judging.houses import crowding
from housing_cli.judging.label_rule import Rule
from housing_cli.judging.labels import counting, counts_of, doubts_of
from housing_cli.judging.sums import total
from housing_cli.prediction_log import Labeled, open_log
from housing_cli.prediction_log.records import SumsQuery


@dataclass(frozen=True, slots=True)
class Feedback:
    """Labeled rows of all versions, oldest first; left_out: how many more are older.

    equal: how many labels are the predicted price sent back; they are no rows.
    """

    rows: Labeled
    left_out: int
    equal: int = 0

    def described(self) -> dict[str, object]:
        """Return what the evidence says of the rows; times are epoch seconds."""
        return {
            "rows": len(self.rows),
            "left_out": self.left_out,
            "equal_to_prediction": self.equal,
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
    """Return the newest `retrain.max_rows` of the labeled rows, without predicted prices sent back.

    rule: when labels equal predictions beyond coincidence. Raises `InsufficientEvidence` for fewer
    than `retrain.min_samples`.
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
    doubts = doubts_of(counts_of(rows, rule), rows, rule, crowding(rows.features))
    equal = doubts.equal.count if doubts.equal else 0
    # Mistyped prices stay: a challenger that would learn one is refused, and the price named.
    rows = counting(rows, replace(doubts, excluded=doubts.sent_back), rule)
    if len(rows) < fewest:
        besides = f" ({equal} more are the predicted price sent back)" if equal else ""
        # More labels do not help where no more of them are read.
        capped = most < fewest <= known
        raise InsufficientEvidence(
            f"{len(rows)} labeled predictions are too few to retrain on: {fewest} are needed"
            f"{besides}",
            f"set `retrain.max_rows` higher: it is {most}, and there are {known} real prices"
            if capped
            else "send real prices to `/feedback`, or set `retrain.min_samples` lower",
        )
    return Feedback(rows, left_out, equal)
