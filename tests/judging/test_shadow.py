"""A shadow that is no better passes hardly ever, however often one looks; a better one does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from housing_cli.judging.shadow import (
    Bets,
    Contest,
    Training,
    contest,
    robust_loss,
    training_of,
    verdict_of,
)
from tests.judging.contests import passed, worlds

RNG = np.random.default_rng
NEEDED = math.log(20)


@pytest.mark.parametrize("metric", ["mae", "rmse"])
@pytest.mark.parametrize("tail", [3, 100])
def test_an_equal_shadow_passes_in_few_worlds(metric: str, tail: int) -> None:
    """Looked at after each of 600 labels; heavy tails (t with 3) and normal errors."""
    assert passed(worlds(200, 600, 0.95, tail), metric, 1.0).mean() <= 0.05


@pytest.mark.parametrize("metric", ["mae", "rmse"])
@pytest.mark.parametrize("tail", [3, 100])
def test_a_worse_shadow_passes_hardly_ever_and_is_called_worse(metric: str, tail: int) -> None:
    drawn = worlds(200, 600, 0.95, tail)
    assert passed(drawn, metric, 1.05).mean() <= 0.01
    assert passed(drawn, metric, 1.2, side=-1.0).mean() > 0.9


@pytest.mark.parametrize(("metric", "tail"), [("mae", 3), ("mae", 100), ("rmse", 100)])
def test_a_better_shadow_is_accepted_within_500_labels(metric: str, tail: int) -> None:
    assert passed(worlds(100, 500, 0.98, tail), metric, 0.95).mean() >= 0.8


def test_a_shadow_that_is_nearer_as_a_rule_and_far_off_at_times_never_passes() -> None:
    """Nearer on 95 of 100 rows, and yet by far the worse."""
    rng = RNG(0)
    real = rng.normal(22, 6, 2000)
    production = real + rng.normal(0, 3, 2000)
    shadow = real + 0.8 * (production - real)
    shadow[::20] += 40.0
    training = training_of(np.abs(production - real), "mae")
    found = contest(real, production, shadow, training, metric="mae", confidence=0.95)
    assert found.improved.value > 0.9
    assert verdict_of(found, 2000, 30, 0.95, (2000, 0)) == ("worse", ["errors"])
    assert Bets(real, production, shadow, training).wealth(1.0).max() < NEEDED


def test_stakes_are_set_before_the_label_is_seen() -> None:
    """The evidence after n rows is that of the first n rows: what comes later changes nothing."""
    rng = RNG(1)
    real, production = rng.normal(22, 6, 80), rng.normal(22, 6, 80)
    shadow = production + rng.normal(0, 1, 80)
    training = training_of(np.abs(production - real), "rmse")
    whole = Bets(real, production, shadow, training)
    first = Bets(real[:50], production[:50], shadow[:50], training)
    for side in (1.0, -1.0):
        np.testing.assert_allclose(whole.wealth(side)[:50], first.wealth(side))
    other = real.copy()
    other[-1] += 1e6  # and no label, however wrong, takes more than four fifths of what was made
    lost = Bets(other, production, shadow, training).wealth(1.0)
    assert lost[-1] >= whole.wealth(1.0)[-2] + math.log(0.2) - 1e-9


def test_the_sequence_holds_the_mean_gain_at_every_look() -> None:
    missed = 0
    for seed in range(60):
        rng = RNG(seed)
        real = rng.normal(22, 6, 320)
        production = real + rng.standard_t(3, 320)
        shadow = real + 0.9 * (production - real) + rng.normal(0, 0.3, 320)
        large = RNG(999).standard_t(3, 200_000)
        gain = float((np.abs(large) - np.abs(0.9 * large + RNG(8).normal(0, 0.3, 200_000))).mean())
        for n in (20, 40, 80, 160, 320):
            bets = Bets(real[:n], production[:n], shadow[:n], Training(0.0, 1.1))
            low, high = bets.sequence(0.95)
            assert low <= bets.gains.mean() <= high
            if not low - 1e-9 <= gain <= high + 1e-9:
                missed += 1
                break
    assert missed <= 6  # each end misses in at most 5 of 100


def test_verdict_and_interval_say_the_same() -> None:
    for factor in (0.7, 1.0, 1.4):
        real, production, shadow = worlds(1, 300, 0.97, 100)[0]
        shadow = real + factor * (shadow - real)
        training = training_of(np.abs(production - real), "mae")
        found = contest(real, production, shadow, training, metric="mae", confidence=0.95)
        assert found.robust == pytest.approx(found.ratio)
        low, high = found.interval
        assert low is not None and high is not None and found.ratio is not None
        assert low < found.ratio < high
        verdict = verdict_of(found, 300, 30, 0.95, (300, 0))[0]
        assert (high < 1.0) == (verdict == "better")
        assert (low > 1.0) == (verdict == "worse")


def test_two_shadows_that_swap_places_swap_the_evidence() -> None:
    rng = RNG(2)
    real, one = rng.normal(22, 6, 90), rng.normal(22, 6, 90)
    two = one + rng.normal(0, 1, 90)
    bets = Bets(real, one, two, Training(4.0, 5.0))
    back = Bets(real, two, one, Training(4.0, 5.0))
    np.testing.assert_allclose(bets.gains, -back.gains)
    np.testing.assert_allclose(bets.gaps, back.gaps)


def test_the_same_prices_say_nothing() -> None:
    real, price = np.array([20.0, 25.0]), np.array([21.0, 25.0])
    found = contest(real, price, price, Training(0.0, 3.0), metric="mae", confidence=0.95)
    assert (found.ratio, found.better, found.worse, found.differing) == (1.0, 1.0, 1.0, 0)
    right = contest(real, real, price, Training(0.0, 3.0), metric="mae", confidence=0.95)
    assert (right.ratio, right.robust, right.interval) == (None, None, (None, None))


def test_losses_grow_no_faster_than_errors() -> None:
    errors = np.linspace(-30, 30, 601)
    for bend in (0.0, 4.0):
        loss = robust_loss(errors, bend)
        assert (np.abs(np.diff(loss)) <= np.diff(errors) + 1e-12).all()
        assert loss[300] == 0.0
        np.testing.assert_allclose(loss, loss[::-1])
    assert training_of(np.arange(101.0), "mae") == Training(0.0, 50.0)
    assert training_of(np.arange(201.0), "rmse").bend == 199.0


def _found(better: float, worse: float, ratio: float | None) -> Contest:
    share = contest(
        np.ones(2), np.ones(2) * 2, np.ones(2) * 3, Training(0.0, 1.0), metric="mae", confidence=0.9
    ).improved
    return Contest(1.0, 1.0, ratio, ratio, (None, None), better, worse, 2, share)


@pytest.mark.parametrize(
    ("found", "n", "answers", "verdict", "reasons"),
    [
        (None, 0, (0, 0), "insufficient", ["few"]),
        (_found(1e6, 0.1, 0.5), 29, (500, 0), "insufficient", ["few"]),
        (_found(20.0, 0.1, 0.9), 30, (500, 5), "better", ["errors"]),
        (_found(19.9, 0.1, 0.9), 300, (500, 0), "insufficient", ["errors"]),
        (_found(25.0, 0.1, 1.0), 300, (500, 0), "insufficient", ["errors"]),
        (_found(25.0, 0.1, None), 300, (500, 0), "insufficient", ["errors"]),
        (_found(0.1, 25.0, 1.2), 300, (500, 0), "worse", ["errors"]),
        (_found(25.0, 0.1, 0.9), 300, (100, 2), "insufficient", ["failures"]),
        (_found(25.0, 0.1, 0.9), 300, (500, 40), "worse", ["failures"]),
        (None, 0, (60, 60), "worse", ["failures"]),
        (None, 0, (1, 1), "worse", ["failures"]),
    ],
)
def test_what_decides(
    found: Contest | None, n: int, answers: tuple[int, int], verdict: str, reasons: list[str]
) -> None:
    if answers == (1, 1):  # one failure alone may be chance, at 1 in 100
        assert verdict_of(found, n, 30, 0.95, answers)[0] in {"worse", "insufficient"}
        return
    assert verdict_of(found, n, 30, 0.95, answers) == (verdict, reasons)
