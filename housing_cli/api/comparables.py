"""The training houses most like one, as appraisers give them.

Two houses are as similar as the share of trees in whose leaf both lie (the proximity of Breiman
2001): by what the model parts houses by, and in no unit. Looked at are the rows that the version
carries as its reference, at most 5,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from housing_cli.data.kinds import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.api.explainer import TrainingRows
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.model.explanation import Explainer

MOST: Final = 5
_TOGETHER: Final = 250
"""Rows that are led through the trees at a time: some 5 MB with 300 trees."""


class Comparables:
    """Finds the most similar of `rows` by the trees of `explainer`, which must hold some.

    It keeps 4 bytes for each row and tree: 6 MB for 5,000 rows and 300 trees.
    """

    def __init__(self, explainer: Explainer, rows: TrainingRows, schema: FeatureSchema) -> None:
        self._explainer, self._rows, self._schema = explainer, rows, schema
        features = rows.matrix()
        starts = range(0, len(features), _TOGETHER)
        found = [explainer.leaves(features[k : k + _TOGETHER]).astype(np.int32) for k in starts]
        self._leaves = np.concatenate(found)

    def nearest(self, row: Sequence[float | None]) -> list[dict[str, Any]]:
        """Return similarity, real price and features of the most similar rows, `MOST` at most.

        Rows that share no leaf with `row` (k,) are left out.
        """
        (leaves,) = self._explainer.leaves(np.array([row], dtype=np.float64))
        shares: NDArray[np.float64] = (self._leaves == leaves).mean(axis=1)
        most = np.argsort(-shares, kind="stable")[:MOST]
        return [
            {
                "similarity": round(float(shares[k]), 4),
                "price": self._rows.target[k],
                "features": self._features(k),
            }
            for k in most.tolist()
            if shares[k] > 0
        ]

    def _features(self, row: int) -> dict[str, Any]:
        return {
            name: plain(self._schema.kind(name), column[row])
            for name, column in zip(self._schema.features, self._rows.features, strict=True)
        }
