"""How many real prices lie within the intervals that were answered, adapted ones included.

A server with `serve.adapt_intervals` goes by other labels than a judgment: by those of the version
that had come in, before the window too, mistyped and rounded ones included, and without those that
equal the prediction. What it answered follows from these, whichever of them are judged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from housing_cli.api.served import read_intervals
from housing_cli.loop.recent import LOOKED_AT
from housing_cli.model.adapting import WINDOW, factors_at
from housing_cli.model.compiled import CompiledModel
from housing_cli.model.intervals import IntervalModel
from housing_cli.prediction_log import Labeled, PredictionLog
from housing_cli.prediction_log.sent_back import equal
from housing_cli.registry import MODEL_FILE, ModelRegistry, Version

Floats = NDArray[np.float64]


def served_by(log: PredictionLog, version: Version) -> Labeled:
    """Return the labels that servers of `version` went by, for the newest `LOOKED_AT` rows."""
    return log.labeled(version=version.name, newest=LOOKED_AT + WINDOW)


def answered_coverage(
    registry: ModelRegistry, version: Version, rows: Labeled, served_by: Labeled | None = None
) -> float | None:
    """Return the share of real prices of `rows` within the intervals that were answered.

    The spreads come from the features. served_by: the labels by which answers were adapted, of
    those that had come in when each price was asked for; without them intervals are as trained.
    `None` where there are no rows, and where the predicted price alone tells the intervals.
    """
    intervals = read_intervals(registry, version)
    adapted = served_by is not None
    if intervals is None or not len(rows) or not (adapted or intervals.scaled):
        return None
    model = None
    if intervals.scaled:
        raw, width = registry.read_file(version, MODEL_FILE), len(version.metadata.schema.features)
        model = CompiledModel(raw, width, spreads=True)
    offsets = _offsets(intervals, model, rows)
    if served_by is not None:
        offsets = offsets * factors_at(
            rows.timestamps,
            served_by.labeled_at,
            ~equal(served_by.real, served_by.predicted),
            served_by.real - served_by.predicted,
            _offsets(intervals, model, served_by),
            intervals.coverage,
        )
    low = np.maximum(rows.predicted + offsets[:, 0], 0.0)
    return float(((rows.real >= low) & (rows.real - rows.predicted <= offsets[:, 1])).mean())


def _offsets(intervals: IntervalModel, model: CompiledModel | None, rows: Labeled) -> Floats:
    """Return how far from the predicted prices the ends (n, 2) lay, as trained."""
    spreads = 1.0 if model is None else model.scored(rows.features)[1]
    return intervals.offsets(rows.predicted, spreads)
