"""What explains the prices of a version, and how that is listed.

For the server (`explaining.py`), `housing predict --explain`, the Python API and the model card: of
a version that was loaded, `load_explainer(registry, version, model).explain(rows)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from housing_cli.errors import NotExplained
from housing_cli.registry import EXPLANATION_FILE, MODEL_FILE, REFERENCE_FILE
from housing_cli.registry.audit import refusing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from housing_cli.data.kinds import Value
    from housing_cli.model.compiled import CompiledModel
    from housing_cli.model.explanation import Explained, Explainer, Explanation
    from housing_cli.registry import RegistryReader, Version

    Floats = NDArray[np.float64]

DIGITS: Final = 9
"""Of the price, to which contributions are rounded: two more than float32 carries."""


class TrainingRows(msgspec.Struct, frozen=True):
    """What `reference.json` says of rows that the version learned from; features by column."""

    features: list[list[float | None]]
    target: list[float]

    def matrix(self) -> Floats:
        """Return the rows (n, k); a missing value is NaN."""
        return np.array(self.features, dtype=np.float64).T


def load_explainer(
    registry: RegistryReader, version: Version, model: CompiledModel, *, with_leaves: bool = False
) -> Explainer:
    """Return what explains the prices of `version`, whose compiled model is `model`.

    Its `explain` takes rows (n, k) of numbers and codes in the order of the schema's features, and
    gives a base and what each feature adds to it (`model/explanation.py`). with_leaves: its
    `leaves` gives those of rows.

    Raises:
        NotExplained: the version is of a `housing` that wrote nothing for this.
        VersionCorrupt: a file of it cannot be read, or is not the one that was registered.
    """
    from housing_cli.model.explanation import Explainer

    explanation = _explanation(registry, version)
    raw = registry.read_file(version, MODEL_FILE)
    with refusing(version):
        rows = None if explanation.parts else _background(registry, version)
        return Explainer(explanation, raw, model, rows, with_leaves=with_leaves)


def _explanation(registry: RegistryReader, version: Version) -> Explanation:
    from housing_cli.model.explanation import Explanation

    if EXPLANATION_FILE not in version.metadata.files:
        raise NotExplained(
            f"{version.name} carries nothing that explains its prices: an older `housing` made it",
            "train again with `housing train`, and promote the new version",
        )
    raw = registry.read_file(version, EXPLANATION_FILE)
    with refusing(version):
        return Explanation.from_json(raw)


def training_rows(registry: RegistryReader, version: Version) -> TrainingRows:
    """Return the training rows that `version` carries. Raises `VersionCorrupt`."""
    raw = registry.read_file(version, REFERENCE_FILE)
    with refusing(version):
        return msgspec.json.decode(raw, type=TrainingRows)


def _background(registry: RegistryReader, version: Version) -> Floats:
    from housing_cli.model.explanation import background_of

    return background_of(training_rows(registry, version).matrix())


def contributions(
    found: Explained, place: int, features: Sequence[str], values: Sequence[Value]
) -> dict[str, Any]:
    """Return `base` and `contributions` of one row of `found`, the largest first.

    They are rounded far below what float32 tells of the price, so that their sum is the price; on
    the scale `log` a `factor` stands for each `contribution`, and their product is.
    """
    given = found.contributions[place]
    if found.scale == "log":
        order, word = np.argsort(-np.abs(np.log(given)), kind="stable"), "factor"
    else:
        order, word = np.argsort(-np.abs(given), kind="stable"), "contribution"
    base, *told = rounded(found, place)
    listed = [{"feature": features[k], "value": values[k], word: told[k]} for k in order.tolist()]
    return {"base": base, "contributions": listed}


def rounded(found: Explained, place: int) -> list[float]:
    """Return the base and the contributions of one row of `found`, far finer than float32."""
    told, digits = [found.base, *found.contributions[place].tolist()], DIGITS
    if found.scale == "price":
        digits -= 1 + math.floor(math.log10(max(1e-30, *map(abs, told))))
    return [round(value, digits) for value in told]
