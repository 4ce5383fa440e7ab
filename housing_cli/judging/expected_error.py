"""The error to be expected of a prediction before its real price is there.

Direct loss estimation: a model of the version's own out-of-fold losses, from what is known of a
row without its label (its features and its predicted price), averaged over the rows that came in.
It sees that other houses are asked for, and nothing of a market that moved: no verdict rests on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from housing_cli.judging.houses import as_served, without_features
from housing_cli.judging.reference import Reference
from housing_cli.model.compiled import HIGHEST

Floats = NDArray[np.float64]
Loss = Callable[[Floats, Floats], Floats]

PENALTY = 0.05
"""Of the ridge regression, times the number of rows; columns are standardized."""
FAR = 4.0
"""Standard deviations from the mean beyond which a value counts as this far."""
LEAST = 0.1
"""No row is expected to have a smaller part of the mean loss."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How columns (n, k) become comparable: NaN as the median, standardized, nothing too far."""

    median: Floats
    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, columns: Floats) -> Scale:
        """Return the scale of the columns of n rows, at least one."""
        columns = _sane(columns)
        known = ~np.isnan(columns)
        median = np.array([
            np.median(column[own]) if own.any() else 0.0
            for column, own in zip(columns.T, known.T, strict=True)
        ])  # fmt: skip
        filled = np.where(known, columns, median)
        spread = filled.std(axis=0)
        return cls(median, filled.mean(axis=0), np.where(spread > 0, spread, 1.0))

    def of_rows(self, columns: Floats) -> Floats:
        """Return columns (n, k), standardized."""
        columns = _sane(columns)
        filled = np.where(np.isnan(columns), self.median, columns)
        return np.clip((filled - self.mean) / self.spread, -FAR, FAR)


def _sane(columns: Floats) -> Floats:
    """Return columns (n, k) without numbers that float32 cannot hold: NaN, as if they were missing.

    One of them would be all of a column's spread, and the other rows the same to whoever looks.
    """
    columns = as_served(columns)
    return np.where(np.abs(columns) < HIGHEST, columns, np.nan)


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """A model of the loss: by bands of the predicted price, corrected by a ridge regression.

    prices, losses: mean predicted price and mean loss of each band. mean: of the loss. most: of
    what the regression gives its own rows. The regression is of the band's loss, of all columns and
    of their squares: linear in its coefficients, and made in a millisecond without scikit-learn.
    """

    prices: Floats
    losses: Floats
    mean: float
    most: float
    scale: Scale
    center: Floats
    slopes: Floats

    @classmethod
    def fit(cls, reference: Reference, losses: Floats) -> ExpectedError:
        """Return the model of losses (m,) of the rows of `reference`.

        It is asked of rows as `Reference.ordered` gives them.
        """
        predicted = reference.out_of_fold[0]
        bands = np.searchsorted(np.array(reference.edges[-1]), predicted, side="right")
        counts = np.bincount(bands)
        used = counts > 0
        prices, means = (
            np.bincount(bands, values)[used] / counts[used] for values in (predicted, losses)
        )
        mean = float(losses.mean())
        features = reference.ordered(reference.features)
        scale = Scale.of(np.column_stack([predicted, features]))
        start = cls(prices, means, mean, np.inf, scale, np.zeros(1), np.zeros(1))
        columns = start._columns(features, predicted)
        center = columns.mean(axis=0)
        apart = columns - center
        square = apart.T @ apart + PENALTY * len(losses) * np.eye(columns.shape[1])
        slopes = np.linalg.solve(square, apart.T @ (losses - mean))
        most = float((mean + apart @ slopes).max())
        return cls(prices, means, mean, max(most, mean), scale, center, slopes)

    def of_rows(self, features: Floats, predicted: Floats) -> Floats:
        """Return the expected loss (n,) of rows: features (n, k), predicted prices (n,)."""
        found = self.mean + (self._columns(features, predicted) - self.center) @ self.slopes
        return np.clip(found, LEAST * self.mean, self.most)

    def of_all(self, features: Floats, predicted: Floats, target: Floats, loss: Loss) -> Floats:
        """Return the expected loss (n,) of rows, of those without any feature too.

        Such a row may be any house: its loss is that of its predicted price on average over the
        training prices, target (m,). The regression would take it for a house of median features.
        """
        found = self.of_rows(features, predicted)
        blank = without_features(features)
        if blank.any():
            prices, places = np.unique(predicted[blank], return_inverse=True)
            found[blank] = np.array([loss(target, price).mean() for price in prices])[places]
        return found

    def _columns(self, features: Floats, predicted: Floats) -> Floats:
        by_price = np.interp(predicted, self.prices, self.losses) / (self.mean or 1.0)
        columns = self.scale.of_rows(np.column_stack([predicted, features]))
        return np.column_stack([by_price, columns, columns**2])
