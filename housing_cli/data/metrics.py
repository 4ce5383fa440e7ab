"""The metrics that a model is judged by: one table, which settings, judgments and pages read.

A metric is the mean, over rows, of a loss that is at least 0, raised to a power. So lower is always
better, its sampling error is that of the mean loss, and both follow from sums over rows where a log
keeps them. To add a metric, add an entry to `METRICS`. Here and not in `judging`, because settings
are checked against the names; nothing is imported, because every command reads its settings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """One measure of how far prices are off.

    label: its name for people. loss: of rows (real, predicted), arrays of one shape in the target's
    unit. power: metric = mean(loss) ** power. total, squares: the fields of
    `prediction_log.records.Sums` that add up the loss and its square; without them rows are read.
    """

    label: str
    loss: Callable[[Any, Any], Any]
    power: float = 1.0
    total: str | None = None
    squares: str | None = None

    def value(self, mean_loss: float) -> float:
        """Return the metric from the mean of the rows' losses."""
        return float(mean_loss**self.power)

    def of(self, real: Any, predicted: Any) -> float:
        """Return the metric of rows, of all axes together."""
        return self.value(self.loss(real, predicted).mean())


METRICS: dict[str, Metric] = {
    "rmse": Metric("RMSE", lambda r, p: (p - r) ** 2, 0.5, total="squared", squares="fourth"),
    "mae": Metric("MAE", lambda r, p: abs(p - r), total="absolute", squares="squared"),
}
