"""What a judgment found, as `loop.evaluate` returns it and reports show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from housing_cli.config.window import Window
from housing_cli.judging import gate
from housing_cli.judging.budget import BudgetVerdict
from housing_cli.judging.drift import Drift
from housing_cli.judging.labels import Doubts
from housing_cli.judging.power import Power
from housing_cli.judging.reference import Reference
from housing_cli.judging.segments import SegmentError, worst_segment
from housing_cli.judging.sums import Segment, Totals, over_days
from housing_cli.loop.late import LateLabels
from housing_cli.loop.whom import Speaking
from housing_cli.prediction_log import Labeled
from housing_cli.prediction_log.records import Broken, Sums
from housing_cli.registry import Version

if TYPE_CHECKING:
    from housing_cli.loop.advice import Advice


@dataclass(frozen=True, slots=True)
class Labels:
    """How the real prices come in, over the newest predictions of the window, or all of them.

    predictions: how many were looked at. labeled: how many of them have a real price. coverage:
    labeled / predictions. delay_p50, delay_p95: seconds from prediction to real price, of the
    newest labeled rows. doubts: labels that may be none; what it excludes is in `labeled`, but not
    in the verdict. repeated: how many of the newest predictions that were read ask for a house that
    a newer one asks for too; repeated_share: of these predictions. late: what came
    too late for the window.
    """

    predictions: int
    labeled: int
    coverage: float | None
    delay_p50: float | None
    delay_p95: float | None
    doubts: Doubts
    repeated: int
    repeated_share: float | None
    late: LateLabels | None = None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version's own rows in the window, or among its newest labeled ones."""

    version: str
    aliases: tuple[str, ...]
    n: int
    baseline: float
    current: float | None
    ratio: float | None
    bias: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """Metric and bias over time: parts of the judged rows, oldest first, and from when to when
    (epoch seconds) they are.
    """

    parts: tuple[gate.Part, ...]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict on one version, and what it rests on.

    recent: metrics of the judged rows, with `interval_coverage` where the version has intervals.
    segments: the judged rows by bands of the predicted price. quantiles: of their predicted prices
    at `SHARES`, approximate. rows: the judged rows; of a wide window the newest `LOOKED_AT`. sums:
    of all of them.
    segment_errors: the newest `LOOKED_AT` of them by bands of each feature and of the predicted
    price, against the training errors there.
    drift: of the inputs and the predicted price against the training rows; empty for too few
    predictions. selection: the same of labeled rows against those without a real price. reasons:
    what made it degraded: `error`, `drift`, or channels of the budget. budget: where one was set.
    whom: the labels speak for; healthy is `insufficient`, for the reason `unlabeled`, where they
    say nothing of a relevant part of the predictions. broken: the first line of each file of the
    log that is no row. moves: when (epoch seconds) which version became production, oldest first.
    advice: where it was asked for (`loop.advice`).
    """

    version: Version
    verdict: gate.Verdict
    window: Window
    recent: dict[str, float]
    labels: Labels
    versions: tuple[VersionRow, ...]
    drift: tuple[Drift, ...]
    selection: tuple[Drift, ...]
    power: Power
    reasons: tuple[str, ...]
    segments: tuple[Segment, ...]
    segment_errors: tuple[SegmentError, ...]
    quantiles: dict[str, float]
    rows: Labeled
    sums: Sums
    reference: Reference
    budget: BudgetVerdict | None = None
    whom: Speaking | None = None
    broken: tuple[Broken, ...] = ()
    moves: tuple[tuple[float, str], ...] = ()
    advice: Advice | None = None

    def over_time(self, most: int) -> Course:
        """Return at most `most` parts of the judged rows, of which there is one."""
        rows, metric = self.rows, self.verdict.metric
        if self.verdict.n > len(rows):
            days = over_days(self.sums, most, self.version.name)
            if len(days) > 1:
                parts = [_part(day, found, metric) for day, found in days]
                return Course(tuple(parts), parts[0].at, float(rows.timestamps[-1]))
        parts = gate.over_time(rows.real, rows.predicted, rows.timestamps, metric, most)
        start, end = rows.timestamps[[0, -1]].tolist()
        return Course(tuple(parts), start, end)

    @property
    def worst_segment(self) -> SegmentError | None:
        """Return the segment whose errors grew most evidently, `None` where rows are too few."""
        return worst_segment(self.segment_errors)

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """Return what drifted."""
        return tuple(column for column in self.drift if column.drifted)

    @property
    def biased(self) -> tuple[Drift, ...]:
        """Return in what the labeled rows differ from the others."""
        return tuple(column for column in self.selection if column.drifted)


def _part(day: str, found: Totals, metric: str) -> gate.Part:
    """Return a run of days, from the beginning of its first one on."""
    at = datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
    return gate.Part(at, found.metric(metric), found.error / found.labeled, int(found.labeled))
