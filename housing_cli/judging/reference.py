"""What a version remembers of its training: a sample of rows and their out-of-fold prices."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from housing_cli.data.metrics import METRICS
from housing_cli.judging import gate
from housing_cli.judging.label_rule import Rule, rule_of
from housing_cli.judging.sums import band_edges
from housing_cli.prediction_log.records import PREDICTED, Axis
from housing_cli.registry import REFERENCE_FILE, ModelRegistry, Version

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """n training rows: features (n, k), target (n,), out_of_fold (repeats, n).

    importances: (k,), permutation importances; empty for versions of an older tool. edges: of the
    bands of each feature and of the predicted price, deciles of the training rows. spreads: (n,),
    out-of-fold spreads of the rows' errors; 1 where the version's intervals are not scaled.
    """

    features: Floats
    target: Floats
    out_of_fold: Floats
    importances: Floats
    edges: tuple[tuple[float, ...], ...]
    spreads: Floats

    def axes(self, version: Version) -> tuple[Axis, ...]:
        """Return what the rows of `version` are counted by: its features and the price."""
        names = [*version.metadata.schema.features, PREDICTED]
        return tuple(Axis(name, edges) for name, edges in zip(names, self.edges, strict=True))

    def label_rule(self, max_level: float) -> Rule:
        """Return which labels are doubtful; max_level: `retrain.max_level`."""
        return rule_of(self.target, self.out_of_fold, max_level)

    def baseline(self, version: Version, metric: str) -> gate.Baseline:
        """Return the baseline of `version`; a row's losses are averaged over the repeats.

        Copies of a row make it no surer.
        """
        losses = METRICS[metric].loss(self.target, self.out_of_fold)
        known = version.metadata.metrics.get(metric)
        return gate.Baseline(
            METRICS[metric].value(losses.mean()) if known is None else known,
            losses.mean(axis=0),
            np.abs(self.out_of_fold - self.target).mean(axis=0),
            version.metadata.data.rows - version.metadata.data.copies,
        )


def load_reference(registry: ModelRegistry, version: Version) -> Reference:
    """Return the training reference of `version`. Raises `VersionCorrupt`."""
    raw = msgspec.json.decode(registry.read_file(version, REFERENCE_FILE))
    columns = [
        np.array([np.nan if value is None else value for value in column], dtype=np.float64)
        for column in raw["features"]
    ]
    features = np.column_stack(columns)
    out_of_fold = np.array(raw["out_of_fold"], dtype=np.float64)
    # A version of an older tool has no edges: those of its sample are close.
    edges = raw.get("edges") or edges_of(features, out_of_fold[0])
    return Reference(
        features,
        np.array(raw["target"], dtype=np.float64),
        out_of_fold,
        np.array(raw.get("importances", ()), dtype=np.float64),
        tuple(map(tuple, edges)),
        np.array(raw.get("spreads", np.ones(len(features))), dtype=np.float64),
    )


def edges_of(features: Floats, prices: Floats) -> list[tuple[float, ...]]:
    """Return the edges of the bands of features (n, k) and of prices (n,), k + 1 in all."""
    return [*map(band_edges, features.T), band_edges(prices)]


def baseline_value(registry: ModelRegistry, version: Version, metric: str) -> float:
    """Return the metric of `version` at training time.

    From its metadata, or of its reference where it is older than the metric.
    """
    known = version.metadata.metrics.get(metric)
    if known is not None:
        return known
    return load_reference(registry, version).baseline(version, metric).value
