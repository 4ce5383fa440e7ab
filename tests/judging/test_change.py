"""Since when losses are larger: found where it is, and not where there is no change."""

from __future__ import annotations

import numpy as np

from housing_cli.judging.change import FEWEST, change_in

RNG = np.random.default_rng(1)
TRAINING = RNG.exponential(2.0, 400)
USUAL = RNG.exponential(2.0, 100)
WORSE = RNG.exponential(6.0, 80)


def rows(*parts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    losses = np.concatenate(parts)
    return losses, np.ones(len(losses))


def test_the_first_of_the_worse_rows_is_found() -> None:
    found = change_in(*rows(USUAL, WORSE), TRAINING)
    assert found is not None
    assert abs(found.at - 100) <= 5
    assert (found.n, found.from_start) == (180 - found.at, False)
    assert found.p_value < 0.01


def test_rows_like_those_of_training_have_no_change() -> None:
    assert change_in(*rows(USUAL), TRAINING) is None
    alarms = sum(
        change_in(*rows(np.random.default_rng(seed).exponential(2.0, 100)), TRAINING) is not None
        for seed in range(100)
    )
    assert alarms <= 12


def test_what_was_worse_from_the_start_is_said_to_be() -> None:
    found = change_in(*rows(WORSE), TRAINING)
    assert found is not None
    assert (found.at, found.n, found.from_start) == (0, 80, True)


def test_a_few_rows_are_no_evidence() -> None:
    assert change_in(*rows(np.full(FEWEST - 1, 50.0)), TRAINING) is None
    assert change_in(*rows(USUAL, np.full(2, 4.0)), TRAINING) is None
    assert change_in(np.empty(0), np.empty(0), TRAINING) is None


def test_days_tell_as_rows_do() -> None:
    totals = np.concatenate([USUAL, WORSE]).reshape(18, 10).sum(axis=1)
    found = change_in(totals, np.full(18, 10.0), TRAINING)
    assert found is not None
    assert (found.at, found.n) == (10, 80)


def test_rows_of_a_price_beyond_reason_are_for_the_caller_to_bound() -> None:
    found = change_in(*rows(USUAL[:60], np.minimum(WORSE, 8.0), USUAL[60:]), TRAINING)
    assert found is not None
    assert abs(found.at - 60) <= 5
