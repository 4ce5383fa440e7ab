"""Whether rows still look like those a model learned from, before any real price is there.

Two questions for each feature and for the predicted price: is the difference large (population
stability index, PSI, Siddiqi 2006, or the share of rows that moved), and is it more than chance
(the test for its kind, `column_tests`, and one of the missing rate, with Holm's correction for all
of them, 1979)? Only what is both has drifted: an effect alone cries wolf on few rows, a test alone
on many. Rows are compared as the model sees them, in float32.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from housing_cli.data.kinds import Boolean, Category, Kind, shown
from housing_cli.judging.column_tests import Tested, holm, missing_test, values_test
from housing_cli.judging.houses import as_served
from housing_cli.judging.sums import band_edges, word_edges
from housing_cli.words import share, share_in_short

Floats = NDArray[np.float64]

LARGE_PSI = 0.2
LARGE_EFFECT = 0.125
"""One house in eight: for normal values, a mean that moved by a third of a standard deviation."""
LARGE_H = 0.3
"""Cohen's h of one value's share: 5 % that became 13 %, 7 % that became less than 2 %."""
LARGE_MISSING = 0.05
BEGINS_MISSING = 0.01
"""A large change of the missing rate: one value in twenty, or one in a hundred of a column that
was never missing."""
SURE = 0.01
MIN_ROWS = 20
VISIBLE = 0.1
"""A mean that moved by less, in standard deviations, has not moved for a reader."""
# Beyond it, standard deviations are a value of another unit or none at all.
_ABSURD = 1_000
# A share of nothing would make the index infinite: as if half a row were there.
HALF_A_ROW = 0.5


class Change(NamedTuple):
    """One thing that drifted in a column, and the test that says so.

    reading: in a few words, without the column's name. effect, p_value, test: of this change alone.
    """

    reading: str
    effect: float
    p_value: float
    test: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A word of a category, and its share of the known values at training and now, 0 to 1."""

    word: str
    before: float
    now: float

    @property
    def in_words(self) -> str:
        """Return it for a sentence, as `INLAND 45% of the time (32% in training)`."""
        return f"{self.word} {share(self.now)} of the time ({share(self.before)} in training)"

    @property
    def in_short(self) -> str:
        """Return it for a table, as `INLAND 45% (was 32%)`."""
        return f"{self.word} {share_in_short(self.now)} (was {share_in_short(self.before)})"


@dataclass(frozen=True, slots=True)
class Drift:
    """How one column differs from the reference.

    psi: 0 for the same distribution, above 0.2 a large change. p_value: the smaller of those of its
    values and of its missing rate; all are corrected for the number of tests of all columns. shift:
    of the mean, in standard deviations of the reference. missing: share of missing values now minus
    then. drifted: large and beyond chance, in its values or its missing rate. reading: the same in
    words. test: of the values, by name. effect: share of houses that moved, 0 to 1, as in
    `column_tests.Tested`; so is cohens_h. values_p_value, missing_p_value: of each test. n: recent
    rows that were compared. missing_before, missing_now: share of missing values, 0 to 1.
    missing_test: the test of the missing rate, by name. values_drifted, missing_drifted: which of
    the two drifted. word: of a category, the one whose share changed most; its shift is 0.
    """

    name: str
    psi: float
    p_value: float
    shift: float
    missing: float
    drifted: bool
    reading: str
    test: str
    effect: float
    cohens_h: float
    values_p_value: float
    missing_p_value: float
    n: int
    missing_before: float
    missing_now: float
    missing_test: str
    values_drifted: bool
    missing_drifted: bool
    word: Moved | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return what drifted, each with the figures of its own test: values, missing rate."""
        found = []
        if self.values_drifted:
            said = _values_in_short(self.shift) if self.word is None else self.word.in_short
            found.append(Change(said, self.effect, self.values_p_value, self.test))
        if self.missing_drifted:
            now, before = map(share_in_short, (self.missing_now, self.missing_before))
            said = f"missing {now} (was {before})"
            effect, test = abs(self.missing), self.missing_test
            found.append(Change(said, effect, self.missing_p_value, test))
        return tuple(found)


def compare_columns(
    names: Sequence[str], before: Floats, now: Floats, *, kinds: Mapping[str, Kind] | None = None
) -> tuple[Drift, ...]:
    """Compare columns of reference rows (m, k) with those of recent rows (n, k), NaN for missing.

    Each row counts: see `houses.newest_of_each` for rows that are one house. Nothing is said of
    fewer than `MIN_ROWS` rows. kinds: of the columns that are no numbers.
    """
    of_names = [(kinds or {}).get(name) for name in names]
    if len(now) < MIN_ROWS or len(before) < MIN_ROWS:
        return ()
    pairs = list(zip(as_served(before).T, as_served(now).T, strict=True))
    values = [
        values_test(old[~np.isnan(old)], new[~np.isnan(new)], codes=isinstance(kind, Category))
        for (old, new), kind in zip(pairs, of_names, strict=True)
    ]
    missing = [missing_test(old, new) for old, new in pairs]
    # A column without a test (nothing missing then or now) is no chance of a false alarm.
    tests = [found for found in (*values, *missing) if found.test != "none"]
    corrected = iter(holm([found.p_value for found in tests]))
    p_values, p_missing = (
        [next(corrected) if found.test != "none" else 1.0 for found in group]
        for group in (values, missing)
    )
    return tuple(
        _drift(name, old, new, found._replace(p_value=p_value), gone._replace(p_value=p_gone), kind)
        for name, (old, new), found, p_value, gone, p_gone, kind in zip(
            names, pairs, values, p_values, missing, p_missing, of_names, strict=True
        )
    )


def psi(before: Floats, now: Floats, *, codes: bool = False) -> float:
    """Return the population stability index over deciles of `before`; missing is a bin too.

    codes: over the commonest values, for they have no order.
    """
    known = before[~np.isnan(before)]
    edges = np.array(word_edges(known) if codes else band_edges(known))
    shares = []
    for column in (before, now):
        missing = np.isnan(column)
        places = np.searchsorted(edges, column[~missing], side="right")
        counts = np.bincount(places, minlength=len(edges) + 1).astype(np.float64)
        counts = np.append(counts, missing.sum())
        shares.append(np.maximum(counts, HALF_A_ROW) / len(column))
    old, new = shares
    used = (old * len(before) > HALF_A_ROW) | (new * len(now) > HALF_A_ROW)
    return float(((new - old) * np.log(new / old))[used].sum())


def _drift(
    name: str, before: Floats, now: Floats, values: Tested, gone: Tested, kind: Kind | None
) -> Drift:
    """Return what is said of one column; values, gone: of its values and of its missing rate, the
    p values corrected.
    """
    index = psi(before, now, codes=isinstance(kind, Category))
    old, new = before[~np.isnan(before)], now[~np.isnan(now)]
    word = _most_moved(old, new, kind) if isinstance(kind, Category | Boolean) else None
    missing_before, missing_now = float(np.isnan(before).mean()), float(np.isnan(now).mean())
    missing = missing_now - missing_before
    least = LARGE_MISSING if len(old) < len(before) else BEGINS_MISSING
    lost = abs(missing) >= least and gone.p_value <= SURE
    large = (index / LARGE_PSI, values.effect / LARGE_EFFECT, values.cohens_h / LARGE_H)
    moved = max(large) >= 1 and values.p_value <= SURE
    shift = 0.0 if word is not None else _shift(old, new)
    said = _values_in_words(shift) if word is None else f"has {word.in_words}"
    return Drift(
        name=name,
        psi=index,
        p_value=min(values.p_value, gone.p_value),
        shift=shift,
        missing=missing,
        drifted=moved or lost,
        reading=f"{name} " + _reading(said, (missing_before, missing_now), moved=moved, lost=lost),
        test=values.test,
        effect=values.effect,
        cohens_h=values.cohens_h,
        values_p_value=values.p_value,
        missing_p_value=gone.p_value,
        n=len(now),
        missing_before=missing_before,
        missing_now=missing_now,
        missing_test=gone.test,
        values_drifted=moved,
        missing_drifted=lost,
        word=word,
    )


def _most_moved(old: Floats, new: Floats, kind: Kind) -> Moved | None:
    """Return the word whose share changed most, `None` where one side has no words."""
    if not len(old) or not len(new):
        return None
    codes = np.unique(np.concatenate([old, new]))
    shares = [
        np.bincount(np.searchsorted(codes, side), minlength=len(codes)) / len(side)
        for side in (old, new)
    ]
    at = int(np.argmax(np.abs(shares[1] - shares[0])))
    return Moved(shown(kind, float(codes[at])), float(shares[0][at]), float(shares[1][at]))


def _shift(old: Floats, new: Floats) -> float:
    if not len(old) or not len(new):
        return 0.0
    spread = float(old.std())
    moved = float(new.mean() - old.mean())
    return moved / spread if spread > 0 else float(np.sign(moved)) * (moved != 0)


def _reading(said: str, missing: tuple[float, float], *, moved: bool, lost: bool) -> str:
    """Return what changed in words; said: of the values. missing: the share before and now."""
    before, now = missing
    gone = f"is missing {share(now)} of the time ({share(before)} in training)"
    if lost or (not moved and abs(now - before) >= LARGE_MISSING):
        return f"{gone} and {said}" if moved else gone
    return said


def _values_in_words(shift: float) -> str:
    if abs(shift) < VISIBLE:
        return "has about the same mean; its distribution may have another shape"
    return f"moved {'up' if shift > 0 else 'down'} by {_far(shift)} standard deviations"


def _far(shift: float) -> str:
    return f"{abs(shift):.1f}" if abs(shift) < _ABSURD else f"more than {_ABSURD:,}"


def _values_in_short(shift: float) -> str:
    """Return how values changed, in the width of a table's column."""
    if abs(shift) < VISIBLE:
        return "another shape"
    return f"mean {'up' if shift > 0 else 'down'} by {_far(shift)} SD"
