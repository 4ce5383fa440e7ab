"""Whom the labels speak for: the error of all predictions, from those that got a real price.

Real prices do not come back at random: cheap houses sell sooner. The error of the labeled ones is
then that of other houses. Two answers:

- Where every kind of house gets some labels, the error is corrected: an augmented inverse
  probability estimate (AIPW; Robins, Rotnitzky & Zhao 1994). Each label counts by one over its
  chance of being there (a logit on predicted price and features, fitted without the row's own
  fold), and what the expected error of the rows (`expected_error`) explains is taken from all of
  them. It is right where either of the two models is, if labels depend on price and features alone.
  Labels that come back because of the error itself cannot be corrected by anybody: nothing in the
  log tells that world from one in which errors are as they look.
- Where a kind of house gets none, no weight helps: the segment is named, and stands for itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, expit, stdtrit

from housing_cli.judging.expected_error import Scale
from housing_cli.prediction_log.records import Axis

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOLDS = 5
MIN_ROWS = 20
"""Labeled rows, and unlabeled ones: with fewer nothing is corrected."""
LEAST_CHANCE = 0.02
"""No label counts for more than one over it."""
FEWEST_LABELS = 5
"""A segment with fewer may be one without labels; a large one may with fewer than `LEAST_CHANCE` of
its rows: its labels cannot count for all of them."""
FAR_FEWER = 0.2
"""It is one where fewer than this part of the usual labels come, at `RATHER_SURE`: where labels are
rare, not absent, they can be weighted."""
RATHER_SURE = 0.95
SURE = 0.001
"""How many logs with labels at random have such a segment, at most."""
_PENALTY = 1.0
_STEPS = 30
_LONGEST_STEP = 4.0
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Rows:
    """Predictions with and without labels, N in all.

    features: (N, k), NaN for missing. predicted: (N,). losses: (N,), NaN without a label. weights:
    (N,), how many predictions each stands for, in any unit.
    """

    features: Floats
    predicted: Floats
    losses: Floats
    weights: Floats

    @property
    def labeled(self) -> Mask:
        """Return which rows have a label (N,)."""
        return ~np.isnan(self.losses)

    def only(self, picked: Mask) -> Rows:
        """Return some of the rows."""
        return Rows(
            self.features[picked], self.predicted[picked], self.losses[picked], self.weights[picked]
        )


@dataclass(frozen=True, slots=True)
class Unlabeled:
    """A segment, `low` up to below `high` on `axis` (`None`: open), that labels say nothing of.

    n: its predictions among those that were looked at. labeled: how many of them have a label.
    share: of all predictions. word: what the segment is called, where its values are no numbers.
    """

    axis: str
    low: float | None
    high: float | None
    n: int
    labeled: int
    share: float
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Corrected:
    """The mean loss of all predictions, corrected for which of them have labels.

    mean: the estimate. interval: at 95 %. plain: the mean loss of the labeled rows. labels: the
    effective number of labels, Kish's (sum w)^2 / sum w^2.
    """

    mean: float
    interval: tuple[float, float]
    plain: float
    labels: float


def corrected(rows: Rows, expected: Floats, seed: int = 0) -> Corrected | None:
    """Return the corrected mean loss, `None` where too few rows are labeled or are not.

    expected: (N,), the expected loss of each row.
    """
    labeled = rows.labeled
    if min(labeled.sum(), (~labeled).sum()) < MIN_ROWS:
        return None
    weights = rows.weights / rows.weights.mean()
    columns = np.column_stack([rows.predicted, rows.features])
    scaled = Scale.of(columns).of_rows(columns)
    scaled = np.column_stack([scaled, scaled[:, 0] ** 2])
    chance = np.maximum(_chances(scaled, labeled, weights, seed), LEAST_CHANCE)
    losses = np.where(labeled, rows.losses, 0.0)
    counts = weights * labeled / chance
    counts *= len(labeled) / counts.sum()
    level = float((counts * losses).sum() / max((counts * expected).sum(), 1e-300))
    explained = level * expected
    parts = weights * explained + counts * (losses - explained) * labeled
    mean = max(float(parts.mean()), 0.0)
    effective = float(counts.sum() ** 2 / (counts**2).sum())
    return Corrected(
        mean, _interval(mean, parts, effective), float(rows.losses[labeled].mean()), effective
    )


def _interval(mean: float, parts: Floats, effective: float) -> tuple[float, float]:
    """Return the interval of a mean loss, on the log scale: losses are skewed and above 0."""
    if mean <= 0:
        return 0.0, 0.0
    quantile = float(stdtrit(max(effective - 1, 1.0), 0.975))
    wide = min(quantile * float(parts.std()) / np.sqrt(len(parts)) / mean, 20.0)
    return mean * float(np.exp(-wide)), mean * float(np.exp(wide))


def _chances(columns: Floats, labeled: Mask, weights: Floats, seed: int) -> Floats:
    """Return each row's chance of a label (N,), by a logit that has not seen its fold."""
    fold = np.random.default_rng(seed).permutation(len(labeled)) % FOLDS
    found = np.empty(len(labeled))
    for number in range(FOLDS):
        own = fold == number
        slopes = _logit(columns[~own], labeled[~own], weights[~own])
        found[own] = expit(slopes[0] + columns[own] @ slopes[1:])
    return found


def _logit(columns: Floats, labeled: Mask, weights: Floats) -> Floats:
    """Return intercept and slopes of a logistic regression with a ridge, by Newton's method.

    As scikit-learn's at C = 1; to import that takes as long as all the rest of `housing evaluate`.
    """
    design = np.column_stack([np.ones(len(columns)), columns])
    penalty = np.full(design.shape[1], _PENALTY)
    penalty[0] = 1e-9
    slopes = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chance = expit(design @ slopes)
        slope = design.T @ (weights * (labeled - chance)) - penalty * slopes
        bend = (design * (weights * chance * (1 - chance))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        longest = float(np.abs(step).max())
        slopes += step * min(1.0, _LONGEST_STEP / max(longest, 1e-300))
        if longest < _CLOSE:
            break
    return slopes


def unlabeled_segment(rows: Rows, axes: Sequence[tuple[Axis, Floats]]) -> Unlabeled | None:
    """Return the largest segment that labels say nothing of, `None` where there is none.

    axes: each with its value for every row (N,). Segments are all runs of bands of an axis. One
    counts as unlabeled if it has fewer than `FEWEST_LABELS` labels or than `LEAST_CHANCE` of its
    rows, if so few are beyond chance for all segments together, and are even where a label is
    `FAR_FEWER` times as likely as elsewhere. It neither begins nor ends with a band that has more.
    """
    labeled, total = rows.labeled, float(rows.weights.sum())
    if not labeled.any() or labeled.all():
        return None
    rate = float(labeled.mean())
    sure = SURE / sum((len(axis.edges) + 1) * (len(axis.edges) + 2) // 2 for axis, _ in axes)
    best: Unlabeled | None = None
    for axis, values in axes:
        bands = np.searchsorted(np.array(axis.edges), values, side="right")
        bands[np.isnan(values)] = len(axis.edges) + 1  # a missing value is in no segment
        n, own, weight = (
            np.bincount(bands, counted, len(axis.edges) + 2)[:-1]
            for counted in (np.ones(len(bands)), labeled.astype(float), rows.weights)
        )
        first, last = np.triu_indices(len(n))
        if axis.words:  # of words there are no runs
            first, last = first[first == last], last[first == last]
        counts, labels, shares = (
            ends[last + 1] - ends[first]
            for ends in (np.concatenate([[0.0], np.cumsum(of)]) for of in (n, own, weight / total))
        )
        may_end = (n > 0) & (own < np.maximum(FEWEST_LABELS, FAR_FEWER * rate * n))
        named = may_end[first] & may_end[last] & _so_few(labels, counts, rate, sure)
        at = int(np.argmax(np.where(named, shares, -1.0)))
        if named[at] and (best is None or shares[at] > best.share):
            low, high = [None, *axis.edges][first[at]], [*axis.edges, None][last[at]]
            share = float(shares[at])
            word = axis.words[first[at]] if axis.words else None
            best = Unlabeled(axis.name, low, high, int(counts[at]), int(labels[at]), share, word)
    return best


def _so_few(labels: Floats, counts: Floats, rate: float, sure: float) -> Mask:
    """Return where `labels` among `counts` rows are none to speak of, if `rate` is usual."""
    few = labels < np.maximum(FEWEST_LABELS, LEAST_CHANCE * counts)
    whole = counts.astype(np.int64)
    far_fewer = bdtr(labels, whole, FAR_FEWER * rate) <= 1 - RATHER_SURE
    return np.asarray(few & far_fewer & (bdtr(labels, whole, rate) <= sure))
