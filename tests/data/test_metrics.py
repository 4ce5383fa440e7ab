"""The one table of metrics."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.config.settings import Evaluate
from housing_cli.data.metrics import METRICS
from housing_cli.prediction_log.records import Sums

REAL = np.array([10.0, 20.0, 30.0])
PREDICTED = np.array([11.0, 18.0, 34.0])


@pytest.mark.parametrize(("name", "value"), [("rmse", 7**0.5), ("mae", 7 / 3)])
def test_a_metric_is_the_mean_loss_to_its_power(name: str, value: float) -> None:
    assert METRICS[name].of(REAL, PREDICTED) == pytest.approx(value)


@pytest.mark.parametrize("name", METRICS)
def test_exact_prices_have_no_loss_and_farther_ones_have_more(name: str) -> None:
    metric = METRICS[name]
    assert metric.of(REAL, REAL) == 0.0
    assert metric.of(REAL, REAL + 2) > metric.of(REAL, REAL + 1) > 0.0


@pytest.mark.parametrize("name", METRICS)
def test_the_sums_that_a_metric_names_are_kept_by_logs(name: str) -> None:
    metric = METRICS[name]
    named = {metric.total, metric.squares} - {None}
    assert named <= set(Sums.__struct_fields__)
    assert len(named) in (0, 2)


def test_the_settings_judge_by_a_metric_of_the_table() -> None:
    assert Evaluate().metric in METRICS
