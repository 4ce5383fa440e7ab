"""Which real prices are none: the model's own price sent back, and typing errors.

One rule for rows and for sums: each labeled row is of one kind, by comparisons that every back end
makes to the bit, and a whole kind counts or does not. `label_rule` says how often honest labels are
of which kind; see docs/decisions/self-labels.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from housing_cli.judging.houses import distinct
from housing_cli.judging.label_rule import SLACK, Rule, resolutions
from housing_cli.prediction_log.records import (
    AGREES,
    CLASS,
    HALF,
    HIGHEST_PRICE,
    Kind,
    Labeled,
    LabelKinds,
)
from housing_cli.prediction_log.sent_back import equal
from housing_cli.words import figure

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

ISOLATED: Final = 50
"""One far price in so many labels is an error of whoever typed it; more are an error of the model,
of the unit or of the market, and count."""
SURE: Final = 0.0001
"""At or below this chance, labels equal to predictions are no coincidence."""
NAMED: Final = 5
CODES: Final = CLASS * CLASS


@dataclass(frozen=True, slots=True)
class Example:
    """One label by name; prices in the target's unit."""

    id: str
    real: float
    predicted: float

    def __str__(self) -> str:
        return f"{self.id} ({figure(self.real, 6)} for {figure(self.predicted, 6)})"


@dataclass(frozen=True, slots=True)
class Suspects:
    """The labels of one kind.

    count: how many; share: of all labels. excluded: whether they were kept out of the verdict.
    limit: how many chance or carelessness explains: equal labels are kept out where there are more
    than that, far ones where there are not. examples: at most `NAMED` of the newest rows. rounded:
    of equal ones, the largest step to which the predicted price was rounded, `None` where they have
    all its digits.
    """

    count: int
    share: float
    excluded: bool
    limit: float
    examples: tuple[Example, ...] = ()
    rounded: float | None = None


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is doubtful about the labels: equal to the prediction, or far off; None: nothing.

    n: labels of which this was asked. excluded: the kinds that do not count.
    """

    n: int
    equal: Suspects | None
    far: Suspects | None
    excluded: tuple[int, ...] = ()

    @property
    def sent_back(self) -> tuple[int, ...]:
        """Return the kinds that are predicted prices sent back."""
        return tuple(kind for kind in self.excluded if kind != Kind.FAR)


@dataclass(frozen=True, slots=True)
class Levels:
    """Mean real price over mean predicted price; 0 where there is no label.

    near: of labels that are not far off. far: of those that are.
    """

    near: float
    far: float

    def agree(self, most: float) -> bool:
        """Return whether far prices are what the level of the others says, within a factor `most`.

        Where all prices doubled, the one at 2.6 times its prediction is no typing error.
        """
        return min(self.near, self.far) > 0 and (
            max(self.near / self.far, self.far / self.near) <= most
        )


def kinds(real: Floats, predicted: Floats, told: LabelKinds) -> Counts:
    """Return the kind of each label (n,), as `prediction_log.statements` does, to the bit.

    It is a `Kind`, or `AGREES` and more for the smallest step to half of which the label agrees;
    with `CLASS` times the largest step that it is a multiple of, unless it is far off.
    """
    steps = np.array(told.steps)
    with np.errstate(over="ignore"):  # of predictions that are no prices
        size = np.maximum(predicted, told.floor)
        off = (real > size * told.far) | (size > real * told.far)
        same = equal(real, predicted)
    agrees = np.abs(predicted - real)[:, None] <= steps * HALF
    near = np.where(agrees.any(axis=1), AGREES + agrees.argmax(axis=1), Kind.PLAIN)
    code = np.where(same, Kind.EQUAL, near) + CLASS * resolutions(real, told.steps)
    code = np.where(off, Kind.FAR, code)
    return np.where(predicted > HIGHEST_PRICE, Kind.PLAIN, code).astype(np.int64)


def doubts_of(
    counts: Counts, rows: Labeled, rule: Rule, crowd: float = 1.0, levels: Levels | None = None
) -> Doubts:
    """Return the doubts about labels, of which `counts` (`CODES`,) says how many each kind has.

    rows: those that can be named, oldest first. crowd: as in `sent_back`. levels: of all labels,
    where `rows` are not all of them.
    """
    n, far = int(counts.sum()), int(counts[Kind.FAR])
    sent, limit, rounded = sent_back(counts, rule, crowd)
    found = kinds(rows.real, rows.predicted, rule.kinds)
    off = np.flatnonzero(found == Kind.FAR)
    miss = misses(rows.real[off], rows.predicted[off], rule.kinds.floor)
    mistyped = None
    if not (levels or levels_of(rows, rule)).agree(rule.kinds.far):
        mistyped = far_suspects(n, far, _examples(rows, off[np.argsort(-miss, kind="stable")]))
    equals = None
    if sent:
        count = int(counts[list(sent)].sum())
        named = _examples(rows, np.flatnonzero(np.isin(found, sent))[::-1])
        equals = Suspects(count, count / n, True, limit, named, rounded)
    out = (Kind.FAR,) if mistyped is not None and mistyped.excluded else ()
    return Doubts(n, equals, mistyped, (*sent, *map(int, out)))


def sent_back(
    counts: Counts, rule: Rule, crowd: float = 1.0
) -> tuple[tuple[int, ...], float, float | None]:
    """Return which kinds are predicted prices sent back, nothing where it may be chance.

    And how many of them chance explains, and the largest step they were rounded to. Asked are all
    labels that equal the prediction, those of each class of digits that agree with it to their last
    one, and those of several classes in a row: all at `SURE` together (Bonferroni). crowd:
    labels a house, as `houses.crowding` counts them.
    """
    table, n = counts.reshape(CLASS, CLASS), int(counts.sum())
    steps, sent, limit, rounded = rule.kinds.steps, set[int](), 0.0, None
    sure = SURE / (2 * len(steps) + 1)

    def beyond(hits: float, chance: float) -> bool:
        nonlocal limit
        if not beyond_chance(hits / crowd, n / crowd, chance, sure):
            return False
        limit = max(limit, n * chance)
        return True

    if beyond(int(table[:, Kind.EQUAL].sum()), SLACK * rule.coincidence):
        sent.update(range(Kind.EQUAL, CODES, CLASS))
    found = [agreeing(table[number], number, rule, n) for number in range(len(steps))]
    start = 0
    for number, (hits, chance) in enumerate(found):
        several = np.sum(found[start : number + 1], axis=0)
        if beyond(hits, chance):
            wanted = [number]
        elif beyond(float(several[0]), min(float(several[1]), 1.0)):
            wanted = list(range(start, number + 1))
        else:
            continue
        start = number + 1  # what was found is no evidence against coarser ones
        for one in wanted:
            sent.update(CLASS * row + level for row in range(one, CLASS) for level in _levels(one))
            if table[one, AGREES : AGREES + one].any():
                rounded = steps[one - 1]
    return tuple(sorted(code for code in sent if counts[code])), limit, rounded


def agreeing(row: Counts, number: int, rule: Rule, n: int) -> tuple[int, float]:
    """Return how many labels of a class agree to their digits, and the chance that honest ones do.

    row: counts of the class by agreement. As often as in training, or as the other labels of the
    class say where that is more often: people type in other digits today, or houses come in that
    are priced better.
    """
    hits = int(row[_levels(number)].sum())
    others = int(row.sum()) - int(row[Kind.FAR]) - hits
    near = rule.hits[number]
    if number and others:
        around = int(row[AGREES + number])
        near = max(near, (around + math.sqrt(around)) / others * rule.peaks[number - 1])
    share = max(rule.shares[number], others / max(n, 1))
    return hits, min(SLACK * share * min(near, 1.0), 1.0)


def _levels(number: int) -> list[int]:
    """Return by how much a label of a class must agree to agree to all its digits."""
    return [int(Kind.EQUAL), *range(AGREES, AGREES + number)]


def beyond_chance(hits: float, n: float, chance: float, sure: float) -> bool:
    """Return whether chance meets as many of n labels with a probability of `sure` or less.

    It is the tail of the binomial, which the incomplete beta function has for broken numbers too.
    """
    return hits > 0 and float(betainc(hits, max(n - hits, 0.0) + 1, chance)) <= sure


def far_suspects(n: int, count: int, examples: tuple[Example, ...] = ()) -> Suspects | None:
    """Return what is to be said of `count` of n labels that are far off; None: nothing."""
    if not count:
        return None
    most = math.ceil(n / ISOLATED)
    return Suspects(count, count / n, count <= most, most, examples)


def levels_of(rows: Labeled, rule: Rule) -> Levels:
    """Return the levels of labeled rows, as `sums.levels` does of sums."""
    off = kinds(rows.real, rows.predicted, rule.kinds) == Kind.FAR
    return Levels(*(_level(rows.real[of], rows.predicted[of]) for of in (~off, off)))


def _level(real: Floats, predicted: Floats) -> float:
    total = float(predicted.sum())
    return float(real.sum()) / total if total > 0 else 0.0


def counts_of(rows: Labeled, rule: Rule) -> Counts:
    """Return how many labels have which kind (`CODES`,)."""
    return np.bincount(kinds(rows.real, rows.predicted, rule.kinds), minlength=CODES)


def counting(rows: Labeled, doubts: Doubts, rule: Rule) -> Labeled:
    """Return the rows whose label counts."""
    if not doubts.excluded:
        return rows
    return rows.where(~np.isin(kinds(rows.real, rows.predicted, rule.kinds), doubts.excluded))


def misses(real: Floats, predicted: Floats, floor: float) -> Floats:
    """Return how many times off each price is, at least 1; `floor` as in `LabelKinds`."""
    off: Floats = np.abs(np.log(np.maximum(real, 1e-300) / np.maximum(predicted, floor)))
    return np.exp(off)


def worst(rows: Labeled, off: Floats) -> list[str]:
    """Return in words the `NAMED` rows that are the most times off; off: (n,), how many times."""
    order = np.argsort(-off, kind="stable")
    return [str(one) for one in _examples(rows, order)]


def repeated(features: Floats) -> int:
    """Return how many of the rows (n, k) repeat the house of another one."""
    return len(features) - distinct(features)


def _examples(rows: Labeled, places: NDArray[np.intp]) -> tuple[Example, ...]:
    return tuple(
        Example(rows.ids[at], float(rows.real[at]), float(rows.predicted[at]))
        for at in places[:NAMED].tolist()
    )
