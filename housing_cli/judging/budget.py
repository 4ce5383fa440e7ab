"""A judgment that may be asked every day for years: false alarms within a yearly budget.

Labels count on the day they arrive. For each day of the window and each way in which a version can
go wrong (an *alternative*) stands an e-value: the likelihood ratio of the labels that arrived since
that day, alternative against training time, which is on average at most 1 while nothing changed.
Their sum over start days is an e-detector (Shin, Ramdas & Rinaldo 2023; with known densities
Shiryaev 1963 and Roberts 1966). Its mean grows by at most 1 a day, so by Doob's inequality the
chance that it ever exceeds 365 / budget within 365 days is at most the budget: however often and
whenever it is asked, at any number of labels a day, and with no state beside the log. See
docs/decisions/yearly-budget.md.

The likelihoods are of bands: of the error relative to the predicted price, of the predicted price,
and whether the interval held. So a log answers by counts, and one absurd price is one row in an
outer band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from housing_cli.judging.alternatives import SHARES, Channel, Detector, Direction
from housing_cli.prediction_log.records import Arrivals

Floats = NDArray[np.float64]

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Finding:
    """One channel's evidence.

    statistic, limit: natural logarithms; at or above its limit a channel alone is an alarm. since:
    the start day with the most evidence. low, high: of the predicted price, where the channel is a
    segment (`None`: open). n: its labels since then. shift: how far their real prices lie from the
    predicted ones, against training time (0.08: 8 % above), each row clipped to -100 % and +100 %.
    """

    channel: Channel
    direction: Direction | None
    statistic: float
    limit: float
    since: str | None
    low: float | None
    high: float | None
    n: int
    shift: float | None


@dataclass(frozen=True, slots=True)
class BudgetVerdict:
    """The judgment.

    per_year: the budget. statistic, limit: of all channels together, natural logarithms. alarm:
    whether the one reached the other. alarms: the channels that reached theirs, most evidence
    first; where only all together did, the one with the most. since: the start day of the first
    of them. n: labels that counted.
    """

    per_year: float
    statistic: float
    limit: float
    alarms: tuple[Finding, ...]
    channels: tuple[Finding, ...]
    since: str | None
    n: int

    @property
    def alarm(self) -> bool:
        """Return whether the version is degraded."""
        return self.statistic >= self.limit


def judge_arrivals(found: Arrivals, looked_for: Detector, per_year: float) -> BudgetVerdict:
    """Judge counts of the labels of one version's window, at any time."""
    days = sorted(set(found.days))
    counts, off = _by_day(found, looked_for, days)
    # From each start day to now: the sums of the days from it on.
    since = np.cumsum(counts[::-1], axis=0)[::-1]
    evidence = np.column_stack([found.evidence(since) for found in looked_for.alternatives])
    shares = np.array([alternative.share for alternative in looked_for.alternatives])
    limit = float(np.log(DAYS_A_YEAR / per_year))
    total = logsumexp(evidence + np.log(shares)) if days else 0.0  # an e-value of 1
    channels = tuple(
        _finding(channel, looked_for, evidence, (days, counts, off), limit)
        for channel in dict.fromkeys(a.channel for a in looked_for.alternatives)
    )
    ranked = sorted(channels, key=lambda found: found.statistic - found.limit, reverse=True)
    alarms = [finding for finding in ranked if finding.statistic >= finding.limit]
    if float(total) >= limit and not alarms:
        alarms = ranked[:1]
    return BudgetVerdict(
        per_year, float(total), limit, tuple(alarms), channels,
        alarms[0].since if alarms else None, int(found.n.sum()),
    )  # fmt: skip


def _by_day(found: Arrivals, looked_for: Detector, days: Sequence[str]) -> tuple[Floats, Floats]:
    """Return labels (days, cells), and the sums of their relative errors (days, price bands)."""
    day = np.searchsorted(np.array(days, dtype=str), np.array(found.days, dtype=str))
    width = len(looked_for.errors) + 1
    cells = (found.bands * width + found.errors) * 2
    counts = np.zeros((len(days), looked_for.cells))
    np.add.at(counts, (day, cells + 1), found.covered)
    np.add.at(counts, (day, cells), found.n - found.covered)
    off = np.zeros((len(days), len(looked_for.price.edges) + 1))
    np.add.at(off, (day, found.bands), found.relative)
    return counts, off


def _finding(
    channel: Channel, looked_for: Detector, evidence: Floats,
    window: tuple[list[str], Floats, Floats], limit: float,
) -> Finding:  # fmt: skip
    """Return the evidence of one channel."""
    days, counts, off = window
    own = [n for n, found in enumerate(looked_for.alternatives) if found.channel == channel]
    shares = np.array([looked_for.alternatives[n].share for n in own])
    limit -= float(np.log(SHARES[channel]))
    if not days:
        return Finding(channel, None, 0.0, limit, None, None, None, 0, None)
    weighed = evidence[:, own] + np.log(shares / SHARES[channel])
    start, which = np.unravel_index(int(weighed.argmax()), weighed.shape)
    best = looked_for.alternatives[own[int(which)]]
    bands = slice(None) if best.segment is None else slice(best.segment, best.segment + 1)
    n = int(counts.reshape(len(days), off.shape[1], -1)[start:, bands].sum())
    ends = [None, *looked_for.price.edges, None]
    segment = (None, None) if best.segment is None else (ends[best.segment], ends[best.segment + 1])
    return Finding(
        channel, best.direction, float(logsumexp(weighed)), limit, days[int(start)], *segment, n,
        float(off[start:, bands].sum() / n - looked_for.usual) if n else None,
    )  # fmt: skip
