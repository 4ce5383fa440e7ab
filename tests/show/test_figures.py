"""Figures that report and card share."""

from __future__ import annotations

import re

import numpy as np

from housing_cli.show import figures


def test_many_rows_are_drawn_as_a_sample_of_all() -> None:
    prices = np.arange(5_000.0)
    drawn = figures.prices(prices, prices, "MEDV")
    assert drawn.count("spot") == figures.MOST_SPOTS
    x = [float(value) for value in re.findall(r'class="spot" cx="([\d.]+)"', drawn)]
    assert max(x) - min(x) > 300  # from the first to the last, over the width of the drawing


def test_one_outlier_does_not_flatten_the_errors() -> None:
    errors = np.append(np.random.default_rng(0).normal(size=2_000), 1e6)
    drawn = figures.errors(errors, errors)
    heights = [float(h) for h in re.findall(r'class="bar".*height="([\d.]+)"', drawn)]
    assert len(heights) == figures.BINS
    assert sum(height > 5 for height in heights) > 10
