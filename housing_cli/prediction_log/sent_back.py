"""Which real prices are the predicted ones, sent back: what servers and judgments both ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.prediction_log.records import EQUAL_WITHIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def equal(real: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which real prices (n,) are the predicted one, to the digits that were answered."""
    low, high = predicted * (1 - EQUAL_WITHIN), predicted * (1 + EQUAL_WITHIN)
    found: NDArray[np.bool_] = (real >= low) & (real <= high)
    return found
