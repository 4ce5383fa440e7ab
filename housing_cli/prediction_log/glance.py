"""What a glance at a log gives: its newest rows, for people to look at."""

from __future__ import annotations

import msgspec

from housing_cli.prediction_log.records import Labeled, Predictions


class Glance(msgspec.Struct, frozen=True):
    """The newest rows of a log, oldest first.

    predictions: the newest ones; `labeled` says of each whether a price is among the last ones.
    labeled: of the last real prices those of the newest predictions, without features, (n, 0).
    Neither counts what was skipped or repeated.
    """

    predictions: Predictions
    labeled: Labeled
