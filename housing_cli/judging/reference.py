"""What a version remembers of its training: a sample of rows and their out-of-fold prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from housing_cli.data.kinds import Boolean, Category, Kind, shown
from housing_cli.data.metrics import METRICS
from housing_cli.data.schema import FeatureSchema
from housing_cli.judging import gate
from housing_cli.judging.label_rule import Rule, rule_of
from housing_cli.judging.sums import band_edges, word_edges
from housing_cli.model.compiled import HIGHEST
from housing_cli.prediction_log.records import PREDICTED, Axis
from housing_cli.registry import REFERENCE_FILE, ModelRegistry, Version
from housing_cli.registry.audit import refusing

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reference:
    """n training rows: features (n, k), target (n,), out_of_fold (repeats, n).

    importances: (k,), permutation importances; empty for versions of an older tool. edges: of the
    bands of each feature and of the predicted price, deciles of the training rows. spreads: (n,),
    out-of-fold spreads of the rows' errors; 1 where the version's intervals are not scaled.
    categories: the places of the features that are codes.
    """

    features: Floats
    target: Floats
    out_of_fold: Floats
    importances: Floats
    edges: tuple[tuple[float, ...], ...]
    spreads: Floats
    categories: tuple[int, ...] = ()

    def axes(self, version: Version) -> tuple[Axis, ...]:
        """Return what the rows of `version` are counted by: its features and the price."""
        schema = version.metadata.schema
        names = [*schema.features, PREDICTED]
        return tuple(
            Axis(name, edges, band_words(schema.kinds.get(name), edges))
            for name, edges in zip(names, self.edges, strict=True)
        )

    def ordered(self, features: Floats) -> Floats:
        """Return rows (m, k) in which a code stands for the mean price of its training rows.

        For whatever measures how near two values are. Unknown words stand for the mean of all.
        """
        if not self.categories:
            return features
        rows, mean = features.copy(), float(self.target.mean())
        for place in self.categories:
            codes, known = np.unique(self.features[:, place], return_inverse=True)
            means = np.bincount(known, self.target) / np.bincount(known)
            column = features[:, place]
            at = np.minimum(np.searchsorted(codes, column), len(codes) - 1)
            priced = np.where(codes[at] == column, means[at], mean)
            rows[:, place] = np.where(np.isnan(column), np.nan, priced)
        return rows

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
    raw = registry.read_file(version, REFERENCE_FILE)
    with refusing(version):
        return _reference(msgspec.json.decode(raw, type=_File), version)


def band_words(kind: Kind | None, edges: Sequence[float]) -> tuple[str, ...]:
    """Return what to call each band of a feature that is no number, nothing for numbers."""
    if kind is None:
        return ()
    ends = [*zip([None, *edges], [*edges, None], strict=True)]
    if isinstance(kind, Boolean):
        return ("no", "yes")[: len(ends)] if edges else ()
    if isinstance(kind, Category):
        return tuple(
            "other words" if low is None or high != low + 1 else shown(kind, low)
            for low, high in ends
        )
    days = [(None if end is None else shown(kind, np.ceil(end)) for end in pair) for pair in ends]
    return tuple(_days(*pair) for pair in days)


def _days(low: str | None, high: str | None) -> str:
    if low is None:
        return f"before {high}" if high else "all days"
    return f"{low} and later" if high is None else f"{low} to before {high}"


class _File(msgspec.Struct, frozen=True):
    """`reference.json`; features by column. Older versions lack what has a default."""

    features: list[list[float | None]]
    target: list[float]
    out_of_fold: list[list[float]]
    importances: list[float] = []
    edges: list[list[float]] = []
    spreads: list[float] | None = None


def _reference(raw: _File, version: Version) -> Reference:
    """Return the reference of `version`. Raises ValueError where its parts do not fit."""
    n, k = len(raw.target), len(version.metadata.schema.features)
    lengths = {*map(len, raw.features), *map(len, raw.out_of_fold)}
    if lengths != {n} or n == 0 or len(raw.features) != k or not raw.out_of_fold:
        raise ValueError(f"`{REFERENCE_FILE}` does not hold rows of {k} features with their prices")
    columns = [
        np.array([np.nan if value is None else value for value in column], dtype=np.float64)
        for column in raw.features
    ]
    features = np.column_stack(columns)
    out_of_fold = np.array(raw.out_of_fold, dtype=np.float64)
    # A version of an older tool has no edges: those of its sample are close.
    schema = version.metadata.schema
    codes = categories_of(schema)
    edges = tuple(map(tuple, raw.edges or edges_of(features, out_of_fold[0], codes)))
    found = Reference(
        features,
        np.array(raw.target, dtype=np.float64),
        out_of_fold,
        np.array(raw.importances, dtype=np.float64),
        edges,
        np.ones(n) if raw.spreads is None else np.array(raw.spreads, dtype=np.float64),
        codes,
    )
    ascending = all(list(inner) == sorted(inner) for inner in edges)
    if len(edges) != k + 1 or not ascending or len(found.importances) not in (0, k):
        raise ValueError(f"`{REFERENCE_FILE}` does not hold bands and importances of its features")
    if found.spreads.shape != (n,) or not (found.spreads > 0).all():
        raise ValueError(f"`{REFERENCE_FILE}` does not hold a spread for each row")
    if not (found.target > 0).all():
        raise ValueError(f"`{REFERENCE_FILE}` holds a price that is not above 0")
    numbers = (found.features, found.target, found.out_of_fold, found.importances)
    if any((np.abs(part) > HIGHEST).any() for part in numbers):
        raise ValueError(f"`{REFERENCE_FILE}` holds a number that float32 does not")
    return found


def categories_of(schema: FeatureSchema) -> tuple[int, ...]:
    """Return the places of the features that are codes of words."""
    kinds = [schema.kinds.get(name) for name in schema.features]
    return tuple(place for place, kind in enumerate(kinds) if isinstance(kind, Category))


def edges_of(
    features: Floats, prices: Floats, categories: Sequence[int] = ()
) -> list[tuple[float, ...]]:
    """Return the edges of the bands of features (n, k) and of prices (n,), k + 1 in all.

    categories: the places of the features that are codes.
    """
    of_features = [
        word_edges(column) if place in categories else band_edges(column)
        for place, column in enumerate(features.T)
    ]
    return [*of_features, band_edges(prices)]


def baseline_value(registry: ModelRegistry, version: Version, metric: str) -> float:
    """Return the metric of `version` at training time.

    From its metadata, or of its reference where it is older than the metric.
    """
    known = version.metadata.metrics.get(metric)
    if known is not None:
        return known
    return load_reference(registry, version).baseline(version, metric).value
