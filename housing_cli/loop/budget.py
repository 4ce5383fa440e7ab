"""The judgment within a yearly budget of false alarms, on what the log has of the window."""

from __future__ import annotations

from housing_cli.config.window import Window
from housing_cli.judging.alternatives import detector
from housing_cli.judging.arrivals import arrivals_of
from housing_cli.judging.budget import BudgetVerdict, judge_arrivals
from housing_cli.judging.label_rule import Rule
from housing_cli.judging.reference import Reference
from housing_cli.loop.recent import Recent
from housing_cli.prediction_log import PredictionLog
from housing_cli.prediction_log.records import ArrivalsQuery, Knots
from housing_cli.registry import Version


def judge_budget(
    log: PredictionLog,
    version: Version,
    reference: Reference,
    window: Window,
    recent: Recent,
    knots: Knots | None,
    per_year: float | None,
    rule: Rule,
) -> BudgetVerdict | None:
    """Judge the labels of the window; `None` without a budget.

    A narrow window's rows were read, and are counted here; a wide one is counted by its log. rule:
    which labels are doubtful; those that `recent` left out do not count here either.
    """
    if per_year is None:
        return None
    price = reference.axes(version)[-1]
    looked_for = detector(reference.target, reference.out_of_fold, price, knots)
    query = ArrivalsQuery(
        version.name, window.since(), price, looked_for.errors, knots, rule.kinds,
        recent.doubts.excluded,
    )  # fmt: skip
    found = log.arrivals(query) if recent.wide else arrivals_of(recent.rows, query)
    return judge_arrivals(found, looked_for, per_year)
