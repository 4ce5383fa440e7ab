"""What tells an honest real price from the model's own one sent back, learned from training rows.

Prices are given in steps (Boston: 0.1), and people round. So a label is looked at by the step of
its digits: how often is an honest price given to that step, and how often does it then lie within
half a step of the prediction?
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, betaincinv

from housing_cli.prediction_log.records import EQUAL_WITHIN, ON_STEP, LabelKinds
from housing_cli.prediction_log.sent_back import equal

Floats = NDArray[np.float64]

# A price twice its estimate is far off for a good model; a poorer one is far off farther out.
FAR: Final = 2.0
FAR_QUANTILE, FAR_MARGIN = 0.995, 1.5
FLOOR_QUANTILE: Final = 0.01
BY_RIGHT: Final = 0.01
"""At or below this chance, a model that met training prices meets them by right."""
SLACK: Final = 1.5
"""So many times as often as in training may honest prices lie near their prediction."""
# Steps that are told apart: from where honest prices agree hardly ever to where they often do.
_RAREST, _COMMONEST = 1e-4, 0.25
_MOST_STEPS = 6
_MOST_DECIMALS = 9
_ON_GRID = 0.999


@dataclass(frozen=True, slots=True)
class Rule:
    """What tells the kinds of labels of one version, and how often honest ones are of which.

    absurd: a price more than so many times off is not learned by `retrain`. coincidence: the chance
    that an honest real price equals the predicted one to the digits that were answered. shares:
    of honest prices, those given to the digits of each class of `kinds`: finer than all steps, and
    each step. hits: how often such a price lies within half a step of its prediction. peaks: that,
    against how often it lies within five steps but not within half a step; without the last step.
    """

    kinds: LabelKinds
    absurd: float
    coincidence: float
    shares: tuple[float, ...]
    hits: tuple[float, ...]
    peaks: tuple[float, ...]


def rule_of(target: Floats, out_of_fold: Floats, max_level: float) -> Rule:
    """Return the rule for a version with these training rows.

    target: (n,). out_of_fold: (repeats, n), prices by models that had not seen the row. max_level:
    `retrain.max_level`.
    """
    far, floor = far_factor(target, out_of_fold[0])
    errors = np.abs(out_of_fold - target)
    steps = steps_of(target, errors)
    given = resolutions(target, steps)
    shares = (np.bincount(given, minlength=len(steps) + 1) + 1) / (len(target) + 1)
    near = np.array([within(errors, step / 2) for step in steps])
    peaks = near[:-1] / np.maximum(near[1:] - near[:-1], 1e-12)
    return Rule(
        LabelKinds(far, floor, steps),
        max_level * far,
        coincidence(target, out_of_fold),
        tuple(np.minimum(shares, 1.0).tolist()),
        (float(near[0]), *near.tolist()),
        tuple(np.maximum(peaks, 1 / 9).tolist()),
    )


def far_factor(target: Floats, predicted: Floats) -> tuple[float, float]:
    """Return the factor by which a price must be off to be far off, and the floor of predictions.

    A linear model says 0.1, or less than nothing, of a cheap house: beside that any price would be
    far off. So a prediction counts as at least what nearly all prices (n,) are above.
    """
    floor = float(np.quantile(target, FLOOR_QUANTILE))
    miss = np.abs(np.log(target / np.maximum(predicted, floor)))
    return float(max(FAR, np.exp(FAR_MARGIN * np.quantile(miss, FAR_QUANTILE)))), floor


def steps_of(target: Floats, errors: Floats) -> tuple[float, ...]:
    """Return the steps by which labels are told apart, ascending powers of ten; at least two."""
    scale = math.floor(math.log10(float(np.median(target))))
    every = [10.0 ** (scale - down) for down in range(12, -3, -1)]
    rates = [within(errors, step / 2) for step in every]
    last = next((at for at, rate in enumerate(rates) if rate > _COMMONEST), len(every) - 1)
    last = max(last, 1)
    first = next((at for at, rate in enumerate(rates) if rate >= _RAREST), last)
    return tuple(every[max(min(first, last - 1), last + 1 - _MOST_STEPS, 0) : last + 1])


def within(errors: Floats, band: float) -> float:
    """Return the share of errors (any shape) of at most `band`.

    They lie evenly near zero: a wider band knows the density there better than a narrow one.
    """
    known = max(band, float(np.quantile(errors, 0.1)))
    share = float((errors <= band).mean())
    if known > 0:
        share = max(share, float((errors <= known).mean()) * band / known)
    return min(share, 1.0)


def resolutions(prices: Floats, steps: tuple[float, ...]) -> NDArray[np.int64]:
    """Return how many digits of (n,) prices are 0: 0, or the number of the largest step they fit.

    A price fits a step that it is a multiple of.
    """
    found = np.zeros(len(prices), dtype=np.int64)
    for number, step in enumerate(steps, 1):
        times = prices / step
        found[np.abs(times - np.rint(times)) <= ON_STEP * times] = number
    return found


def coincidence(target: Floats, out_of_fold: Floats) -> float:
    """Return the chance that a real price equals an honest prediction of it.

    Prices come in steps (Boston: 0.1), and only a prediction that lies on such a step can be met.
    So it is the share of predictions on a step, times the share of errors below half a step. Where
    more training rows were met than that explains, as by a model of a price list, theirs counts.
    Shares are upper 95 % bounds (Clopper & Pearson 1934). target: (n,). out_of_fold: (repeats, n).
    """
    n, step = len(target), grid_step(target)
    on_step = np.abs(np.rint(out_of_fold / step) * step - out_of_fold) <= (
        EQUAL_WITHIN * np.abs(out_of_fold)
    )
    chance = _at_most(int(on_step.sum()), on_step.size)
    chance *= within(np.abs(out_of_fold - target), step / 2)
    hits = round(float(equal(target, out_of_fold).mean()) * n)
    # One row met now and then is what the steps explain; its bound alone would hide 1 % of others.
    if hits and float(bdtrc(hits - 1, n, min(chance, 1.0))) <= BY_RIGHT:
        chance = max(chance, _at_most(hits, n))
    return min(max(chance, 1e-12), 1.0)


def grid_step(prices: Floats) -> float:
    """Return the step of prices, a power of ten: nearly all of them are multiples of it."""
    largest = float(np.abs(prices).max(initial=1.0))
    first = -math.floor(math.log10(largest)) if largest > 0 else 0
    for decimals in range(first, _MOST_DECIMALS + 1):
        step = 10.0**-decimals
        rest = np.abs(np.rint(prices / step) * step - prices)
        if (rest <= 1e-9 * np.abs(prices)).mean() >= _ON_GRID:
            return step
    return 10.0**-_MOST_DECIMALS


def _at_most(hits: int, n: int) -> float:
    """Return the upper 95 % bound of a share of which `hits` of n were seen."""
    return 1.0 if hits >= n else float(betaincinv(hits + 1, n - hits, 0.95))
