"""What a version remembers of its training: a sample of rows and their out-of-fold prices."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from housing_cli.judging import gate
from housing_cli.registry import ModelRegistry, Version

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """n training rows: features (n, k), target (n,), out_of_fold (repeats, n).

    importances: (k,), permutation importances; empty for versions of an older tool.
    """

    features: Floats
    target: Floats
    out_of_fold: Floats
    importances: Floats

    def baseline(self, version: Version, metric: gate.Metric) -> gate.Baseline:
        """Return the baseline of `version`; a row's losses are averaged over the repeats."""
        squared = gate.losses(self.target, self.out_of_fold, "rmse").mean(axis=0)
        absolute = gate.losses(self.target, self.out_of_fold, "mae").mean(axis=0)
        metadata = version.metadata
        return gate.Baseline(metadata.metrics[metric], squared, absolute, metadata.data.rows)


def load_reference(registry: ModelRegistry, version: Version) -> Reference:
    """Return the training reference of `version`. Raises `VersionCorrupt`."""
    raw = msgspec.json.decode(registry.read_file(version, "reference.json"))
    columns = [
        np.array([np.nan if value is None else value for value in column], dtype=np.float64)
        for column in raw["features"]
    ]
    return Reference(
        np.column_stack(columns),
        np.array(raw["target"], dtype=np.float64),
        np.array(raw["out_of_fold"], dtype=np.float64),
        np.array(raw.get("importances", ()), dtype=np.float64),
    )
