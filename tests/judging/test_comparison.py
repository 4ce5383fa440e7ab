"""Which challenger is accepted, on what evidence."""

from __future__ import annotations

import numpy as np

from housing_cli.judging.acceptance import Limits
from housing_cli.judging.comparison import Comparison, compare, paired

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
LIMITS = Limits(threshold=0.1, max_level=3.0, max_unexplained=0.1, max_repeated=0.5)


def rows(n: int, champion: float, challenger: float, seed: int = 0) -> Sample:
    """Return real prices and those of two models with these error sizes."""
    rng = np.random.default_rng(seed)
    real = rng.uniform(10, 40, n)
    return real, real + rng.normal(0, champion, n), real + rng.normal(0, challenger, n)


def decided(
    recent: Sample,
    base: Sample | None = None,
    levels: np.ndarray | None = None,
    misses: np.ndarray | None = None,
) -> Comparison:
    levels = np.ones(len(recent[0])) if levels is None else levels
    return compare(
        recent,
        base,
        levels,
        metric="rmse",
        factor=2.0,
        limits=LIMITS,
        misses=misses,
    )


def test_a_better_challenger_is_accepted() -> None:
    comparison = decided(rows(60, 6, 3), rows(60, 3, 3))
    assert comparison.wins and comparison.reasons == ()
    assert comparison.difference == comparison.challenger - comparison.champion < 0
    assert comparison.interval[1] < 0


def test_a_worse_challenger_is_refused_with_the_figures() -> None:
    comparison = decided(rows(60, 3, 6))
    assert not comparison.wins
    assert comparison.reasons == ("RMSE 5.903 against 3.038 on the same 60 recent rows",)


def test_an_equal_challenger_is_not_better() -> None:
    real, champion, _ = rows(60, 3, 3)
    assert not decided((real, champion, champion.copy())).wins


def test_harm_on_base_data_refuses_where_no_majority_improved() -> None:
    real, champion, _ = rows(60, 3, 3)
    challenger = champion.copy()
    worst = np.argsort(np.abs(real - champion))[-10:]
    challenger[worst] = real[worst]  # better on a few, the same on most
    comparison = decided((real, champion, challenger), rows(80, 3, 5))
    assert comparison.difference < 0 and not comparison.wins
    assert "held-out rows of base data" in comparison.reasons[0]


def test_a_majority_outweighs_base_data() -> None:
    assert decided(rows(60, 9, 2), rows(80, 3, 5)).wins


def test_prices_that_no_model_explains_refuse() -> None:
    real, champion, challenger = rows(60, 6, 3)
    real = real.copy()
    real[:10] *= 0.2
    comparison = decided((real, champion, challenger * 0.95))
    assert comparison.unexplained > 0.1
    assert any("more than 2.0 times off" in reason for reason in comparison.reasons)


def test_a_fivefold_level_is_another_unit() -> None:
    comparison = decided(rows(60, 6, 3), levels=np.array([1.0] * 30 + [0.2] * 30))
    assert not comparison.wins
    assert "another unit?" in comparison.reasons[0]


def test_pairing_makes_the_interval_narrow() -> None:
    rng = np.random.default_rng(0)
    real = rng.uniform(10, 40, 200)
    error = rng.normal(0, 5, 200)
    together = paired(real, real + error, real + error * 0.9, metric="mae")
    apart = paired(real, real + error, real + rng.permutation(error) * 0.9, metric="mae")
    assert together.interval[1] < 0
    assert np.ptp(together.interval) < np.ptp(apart.interval) / 2


def test_many_rows_are_compared_without_resampling() -> None:
    found = paired(*rows(50_000, 4, 3), metric="rmse")
    assert found.interval[0] < found.difference < found.interval[1] < 0


def test_one_price_of_another_unit_is_refused_wherever_it_stands() -> None:
    misses = np.full(150, 1.1)
    assert decided(rows(60, 6, 3), misses=misses).wins
    misses[95] = 1000.0
    comparison = decided(rows(60, 6, 3), misses=misses)
    assert not comparison.wins
    assert comparison.reasons == (
        "1 of the 150 real prices is more than 6.0 times off what was predicted (the worst 1000 "
        "times): a typing error, or another unit?",
    )


def test_the_worst_prices_are_named_as_many_as_are_beyond_reason() -> None:
    misses = np.full(150, 1.1)
    misses[[95, 7]] = 1000.0, 900.0
    named = ["id-95 (21600 for 21.6)", "id-7 (9000 for 10)", "id-3 (11 for 10)"]
    sample = rows(60, 6, 3)
    found = compare(
        sample,
        None,
        np.ones(60),
        metric="rmse",
        factor=2.0,
        limits=LIMITS,
        misses=misses,
        named=named,
    )
    assert found.reasons[0].endswith("id-95 (21600 for 21.6), id-7 (9000 for 10)")
