"""What of the log a judgment reads: the rows of a narrow window, the sums of a wide one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from housing_cli.api.served import read_intervals
from housing_cli.config.window import Window
from housing_cli.data.metrics import METRICS
from housing_cli.judging import gate
from housing_cli.judging.houses import crowding
from housing_cli.judging.label_rule import Rule
from housing_cli.judging.labels import Doubts, counting, counts_of, doubts_of
from housing_cli.judging.sums import (
    Totals,
    count_kinds,
    levels,
    of_kinds,
    sums_of,
    total,
    totals_by,
)
from housing_cli.prediction_log import Labeled, PredictionLog, Predictions
from housing_cli.prediction_log.records import Axis, Knots, Sums, SumsQuery
from housing_cli.registry import ModelRegistry, Version

LOOKED_AT = 5_000
"""Newest predictions that drift looks at, and newest labeled ones that are read: the figures of a
window that holds more come from the log's own sums, and plots show these."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What was read of the log, without the labels that do not count (`doubts.excluded`).

    rows: labeled rows of the judged version; where `wide` the newest alone. seen: its newest
    predictions. looked: the newest labeled ones with their features, at most `LOOKED_AT`. sums: of
    all labeled rows, and maybe of other versions' too. totals: of the judged version. versions: how
    many labeled rows each version has, and their figures. predictions, labeled: how many
    predictions of the version, or its newest, have how many labels, with those that do not count.
    doubts: about these labels.
    """

    rows: Labeled
    seen: Predictions
    looked: Labeled
    sums: Sums
    totals: Totals
    versions: dict[str, tuple[int, dict[str, float]]]
    wide: bool
    predictions: int
    labeled: int
    doubts: Doubts

    def judged(self, metric: str) -> gate.Recent | None:
        """Return what `gate.judge` needs."""
        if self.wide:
            return self.totals.recent(metric)
        return gate.recent_rows(self.rows.real, self.rows.predicted, metric)

    def figures(self, target: float | None, coverage: float | None = None) -> dict[str, float]:
        """Return the metrics of the judged rows; target: what their intervals should hold.

        coverage: what they held, where the predicted price alone does not tell.
        """
        if not self.totals.labeled:
            return {}
        rows = self.rows
        found = self.totals.figures() if self.wide else gate.metrics(rows.real, rows.predicted)
        if target is not None:
            by_price = self.totals.covered / self.totals.labeled
            found["interval_coverage"] = by_price if coverage is None else coverage
            found["interval_target"] = target
        return found


def read_recent(
    log: PredictionLog,
    version: Version,
    window: Window,
    metric: str,
    price: Axis,
    knots: Knots | None,
    rule: Rule,
) -> Recent:
    """Return what a judgment of `version` by `metric` is made of.

    price: the bands of the predicted price. knots: the version's prediction intervals. rule: which
    labels are doubtful.
    """
    since, newest = window.since(), window.newest
    seen = log.predictions(version=version.name, newest=LOOKED_AT, since=since)
    few = newest or (LOOKED_AT if METRICS[metric].total else None)
    small = few is not None and few <= LOOKED_AT
    rows = log.labeled(version=version.name, newest=few, since=since, features=small)
    looked = rows if small else log.labeled(version=version.name, newest=LOOKED_AT, since=since)
    if newest is None and len(rows) == few:
        query = SumsQuery(since=since, axes=(price,), knots=knots, kinds=rule.kinds)
        return _by_sums(log.sums(query), version, (rows, looked), seen, rule)
    crowd = crowding(looked.features)
    doubts = doubts_of(counts_of(rows, rule), rows, rule, crowd)
    rows, looked = (counting(some, doubts, rule) for some in (rows, looked))
    lately = log.labeled(newest=min(newest or LOOKED_AT, LOOKED_AT), since=since, features=False)
    sums = sums_of(rows, [(price, rows.predicted)], knots)
    made = _by_version(lately, rule, crowd)
    if len(rows):  # maybe more of them than are read of all versions
        made[version.name] = len(rows), gate.metrics(rows.real, rows.predicted)
    known = int(seen.labeled.sum())
    return Recent(rows, seen, looked, sums, total(sums), made, False, len(seen), known, doubts)


def _by_sums(
    every: Sums, version: Version, newest: tuple[Labeled, Labeled], seen: Predictions, rule: Rule
) -> Recent:
    """Return what the sums of a wide window say; newest: its newest labeled rows, and `looked`."""
    before = total(every, version.name)
    crowd = crowding(newest[1].features)
    named = version.name
    doubts = doubts_of(count_kinds(every, named), newest[0], rule, crowd, levels(every, named))
    sums = of_kinds(every, doubts.excluded)
    rows, looked = (counting(some, doubts, rule) for some in newest)
    rows = msgspec.structs.replace(rows, skipped=sums.skipped, repeated=every.repeated)
    counts = int(before.n), int(before.labeled)
    whole = total(sums, version.name)
    nothing = rows.where(np.zeros(len(rows), dtype=bool))
    made = _by_version_sums(every, nothing, version.name, doubts, rule, crowd)
    return Recent(rows, seen, looked, sums, whole, made, True, *counts, doubts)


def _by_version(rows: Labeled, rule: Rule, crowd: float) -> dict[str, tuple[int, dict[str, float]]]:
    """Return how many labels that count each version has, and their metrics.

    Which labels of a version are doubtful, its own labels say; the rule is about prices, and the
    same.
    """
    names, found = np.array(rows.versions, dtype=object), {}
    for name in sorted(set(rows.versions)):
        own = rows.where(names == name)
        own = counting(own, doubts_of(counts_of(own, rule), own, rule, crowd), rule)
        if len(own):
            found[name] = len(own), gate.metrics(own.real, own.predicted)
    return found


def _by_version_sums(
    every: Sums, nothing: Labeled, judged: str, doubts: Doubts, rule: Rule, crowd: float
) -> dict[str, tuple[int, dict[str, float]]]:
    """Return what `_by_version` does, from the sums of all labels; nothing: no rows to name."""
    found = {}
    for name in map(str, totals_by(every, "versions")):
        counts = count_kinds(every, name)
        said = doubts
        if name != judged:
            said = doubts_of(counts, nothing, rule, crowd, levels(every, name))
        own = total(of_kinds(every, said.excluded), name)
        if own.labeled:
            found[name] = int(own.labeled), own.figures()
    return found


def intervals_of(registry: ModelRegistry, version: Version) -> tuple[float | None, Knots | None]:
    """Return the coverage that the intervals of `version` are made to hold, and their ends.

    The ends by predicted price: where what is answered is scaled, those that it was scaled from.
    """
    found = read_intervals(registry, version)
    return (None, None) if found is None else (found.coverage, Knots(*found.knots))
