"""Which real prices are none: the model's own price sent back, and typing errors.

One rule for rows and for sums: each labeled row is of one kind, by a comparison that every back end
makes to the bit, and a whole kind counts or does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, betaincinv

from housing_cli.prediction_log.records import EQUAL_WITHIN, PRICE_BOUNDS, Kind, Labeled

Floats = NDArray[np.float64]

# A price twice its estimate is far off for a good model; a poorer one is far off farther out.
FAR: Final = 2.0
FAR_QUANTILE, FAR_MARGIN = 0.995, 1.5
ISOLATED: Final = 50
"""One far price in so many labels is an error of whoever typed it; more are an error of the model,
of the unit or of the market, and count."""
SURE: Final = 0.0001
"""At or below this chance, labels equal to predictions are no coincidence."""
BY_RIGHT: Final = 0.01
"""At or below this chance, a model that met training prices meets them by right."""
NAMED: Final = 5
_MOST_DECIMALS = 9
_ON_GRID = 0.999


@dataclass(frozen=True, slots=True)
class Rule:
    """What tells the kinds of labels of one version.

    far: a real price more than so many times off the predicted one is far off. absurd: beyond this
    `retrain` refuses to learn. coincidence: the chance that an honest real price equals the
    predicted one to the digits that were answered.
    """

    far: float
    absurd: float
    coincidence: float


@dataclass(frozen=True, slots=True)
class Example:
    """One label by name; prices in the target's unit."""

    id: str
    real: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Suspects:
    """The labels of one kind.

    count: how many; share: of all labels. excluded: whether they were kept out of the verdict.
    limit: how many chance or carelessness explains: equal labels are kept out where there are more
    than that, far ones where there are not. examples: at most `NAMED` of the newest rows.
    """

    count: int
    share: float
    excluded: bool
    limit: float
    examples: tuple[Example, ...] = ()


def rule_of(target: Floats, out_of_fold: Floats, max_level: float) -> Rule:
    """Return the rule for a version with these training rows.

    target: (n,). out_of_fold: (repeats, n), prices by models that had not seen the row. max_level:
    `retrain.max_level`.
    """
    far = far_factor(target, out_of_fold[0])
    return Rule(far, max_level * far, coincidence(target, out_of_fold))


def far_factor(target: Floats, predicted: Floats) -> float:
    """Return the factor by which a price must be off to be far off, from training errors (n,)."""
    miss = np.abs(np.log(np.maximum(target / predicted, 1e-9)))
    return float(max(FAR, np.exp(FAR_MARGIN * np.quantile(miss, FAR_QUANTILE))))


def coincidence(target: Floats, out_of_fold: Floats) -> float:
    """Return the chance that a real price equals an honest prediction of it.

    Prices come in steps (Boston: 0.1), and only a prediction that lies on such a step can be met.
    So it is the share of predictions on a step, times the share of errors below half a step. Where
    more training rows were met than that explains, as by a model of a price list, theirs counts.
    Shares are upper 95 % bounds (Clopper & Pearson 1934). target: (n,). out_of_fold: (repeats, n).
    """
    n = len(target)
    step = grid_step(target)
    errors = np.abs(out_of_fold - target)
    on_step = np.abs(np.rint(out_of_fold / step) * step - out_of_fold) <= (
        EQUAL_WITHIN * np.abs(out_of_fold)
    )
    # Errors lie evenly near zero: a wider band than half a step knows the density better.
    band = max(step / 2, float(np.quantile(errors, 0.1)))
    near = min(1.0, float((errors <= band).mean()) * (step / 2) / band) if band > 0 else 1.0
    chance = _at_most(int(on_step.sum()), on_step.size) * near
    met = float((kinds(target, out_of_fold, math.inf) == Kind.EQUAL).mean())
    hits = round(met * n)
    # One row met now and then is what the steps explain; its bound alone would hide 1 % of others.
    if hits and float(bdtrc(hits - 1, n, min(chance, 1.0))) <= BY_RIGHT:
        chance = max(chance, _at_most(hits, n))
    return min(max(chance, 1e-12), 1.0)


def _at_most(hits: int, n: int) -> float:
    """Return the upper 95 % bound of a share of which `hits` of n were seen."""
    return 1.0 if hits >= n else float(betaincinv(hits + 1, n - hits, 0.95))


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


def kinds(real: Floats, predicted: Floats, far: float) -> NDArray[np.int64]:
    """Return the `Kind` of each label; as `prediction_log.statements` does, to the bit."""
    equal = (real >= predicted * (1 - EQUAL_WITHIN)) & (real <= predicted * (1 + EQUAL_WITHIN))
    with np.errstate(over="ignore"):  # of predictions that are no prices
        off = (real > predicted * far) | (predicted > real * far)
    price = (predicted >= PRICE_BOUNDS[0]) & (predicted <= PRICE_BOUNDS[1])
    equal, off = equal & price, off & price
    return np.where(equal, Kind.EQUAL, np.where(off, Kind.FAR, Kind.PLAIN)).astype(np.int64)


def equal_suspects(
    n: int, count: int, rule: Rule, examples: tuple[Example, ...] = ()
) -> Suspects | None:
    """Return what is to be said of `count` of n labels that equal the prediction; None: nothing.

    They are named, and kept out, where chance would meet as many with `SURE` or less.
    """
    if not count or float(bdtrc(count - 1, n, rule.coincidence)) > SURE:
        return None
    return Suspects(count, count / n, True, n * rule.coincidence, examples)


def far_suspects(n: int, count: int, examples: tuple[Example, ...] = ()) -> Suspects | None:
    """Return what is to be said of `count` of n labels that are far off; None: nothing."""
    if not count:
        return None
    most = math.ceil(n / ISOLATED)
    return Suspects(count, count / n, count <= most, most, examples)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is doubtful about the labels: equal to the prediction, or far off; None: nothing.

    n: labels of which this was asked.
    """

    n: int
    equal: Suspects | None
    far: Suspects | None

    @property
    def excluded(self) -> tuple[Kind, ...]:
        """Return the kinds that do not count."""
        found = ((Kind.EQUAL, self.equal), (Kind.FAR, self.far))
        return tuple(kind for kind, said in found if said is not None and said.excluded)


def doubts_of(counts: Sequence[float], rows: Labeled, rule: Rule) -> Doubts:
    """Return the doubts about labels, of which `counts` says how many each `Kind` has.

    rows: those that can be named, oldest first.
    """
    n, equal, far = int(sum(counts)), int(counts[Kind.EQUAL]), int(counts[Kind.FAR])
    found = kinds(rows.real, rows.predicted, rule.far)
    miss = misses(rows.real, rows.predicted)
    same = np.flatnonzero(found == Kind.EQUAL)[::-1]
    off = np.flatnonzero(found == Kind.FAR)
    off = off[np.argsort(-miss[off], kind="stable")]
    return Doubts(
        n,
        equal_suspects(n, equal, rule, _examples(rows, same)),
        far_suspects(n, far, _examples(rows, off)),
    )


def counting(rows: Labeled, doubts: Doubts, rule: Rule) -> Labeled:
    """Return the rows whose label counts."""
    if not doubts.excluded:
        return rows
    return rows.where(~np.isin(kinds(rows.real, rows.predicted, rule.far), doubts.excluded))


def misses(real: Floats, predicted: Floats) -> Floats:
    """Return how many times off each price is, at least 1."""
    off: Floats = np.abs(np.log(np.maximum(real, 1e-300) / np.maximum(predicted, 1e-300)))
    return np.exp(off)


def repeated(features: Floats) -> int:
    """Return how many of the rows (n, k) repeat another one: n less the distinct ones."""
    filled = np.where(np.isnan(features), np.inf, features + 0.0)
    return len(filled) - len({row.tobytes() for row in filled})


def _examples(rows: Labeled, places: NDArray[np.intp]) -> tuple[Example, ...]:
    return tuple(
        Example(rows.ids[at], float(rows.real[at]), float(rows.predicted[at]))
        for at in places[:NAMED].tolist()
    )
