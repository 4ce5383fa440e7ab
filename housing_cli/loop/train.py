"""Fit, measure, register: from a table to a new version."""

from __future__ import annotations

import io
import os
import platform
import subprocess
from dataclasses import dataclass, field
from importlib.metadata import version as library_version
from pathlib import Path

import joblib
import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from housing_cli.config import Data, Settings
from housing_cli.data.copies import copies_in
from housing_cli.data.reading import Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import Table, read_table
from housing_cli.errors import DataError
from housing_cli.judging import gate
from housing_cli.judging.reference import categories_of, edges_of
from housing_cli.learning import lightgbm
from housing_cli.learning.conformal import fit_intervals
from housing_cli.learning.explaining import explanation_of
from housing_cli.learning.export import export_onnx, verify_export
from housing_cli.learning.fitting import OutOfFold, Progress, fit, measure, one_thread, silent
from housing_cli.learning.pipeline import know_names, learned_by, named
from housing_cli.learning.spread import Spread, fit_spread
from housing_cli.learning.tuning import StopKey, Tuned, no_stop_key, tune
from housing_cli.loop.approval import add_version, refuse_unattended
from housing_cli.loop.promote import refusal
from housing_cli.model.compiled import CompiledModel
from housing_cli.model.intervals import IntervalModel
from housing_cli.registry import (
    EXPLANATION_FILE,
    INTERVALS_FILE,
    MODEL_FILE,
    PIPELINE_FILE,
    REFERENCE_FILE,
    DataInfo,
    GitInfo,
    Golden,
    Metadata,
    Version,
    open_registry,
)
from housing_cli.registry.formats import METADATA
from housing_cli.registry.names import PRODUCTION
from housing_cli.registry.store import check_tag, now

Floats = NDArray[np.float64]

GOLDEN_ROWS = 32
REFERENCE_ROWS = 5_000
LIBRARIES = ("scikit-learn", "numpy", "pandas", "onnx", "skl2onnx", "onnxruntime", "joblib")


@dataclass(frozen=True, slots=True)
class Trained:
    """A new version, and what was noticed on the way.

    refused: why `promote` would not make it production. unsigned: because nobody signed it here.
    waits: it is the candidate for a first production. before: production before it.
    """

    version: Version
    production: bool
    dropped: dict[str, int]
    difference: float
    refused: str = ""
    unsigned: bool = False
    reading: Reading = field(default_factory=Reading)
    waits: bool = False
    before: Version | None = None


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """What a model learns from: n rows, and what to say of them in the metadata."""

    features: Floats
    target: Floats
    info: DataInfo


def train(
    settings: Settings,
    *,
    tag: str | None = None,
    promote: bool | None = None,
    progress: Progress = silent,
    stop_key: StopKey = no_stop_key,
) -> Trained:
    """Train on the configured table and register the version.

    With `train.tune` trials of a search for parameters, which `stop_key` may stop. promote: make it
    production; `None`: only where there is no production yet.
    """
    if tag is not None:
        check_tag(tag)
    if promote:
        refuse_unattended(settings, "housing train --no-promote")
    registry = open_registry(settings)
    registry.check_signing(moves=bool(promote))
    data = settings.data
    if data.source and not Path(data.path).exists():
        raise DataError(
            f"`{data.path}` does not exist: it comes from {data.source}",
            "put it there, or give a table with `--data-path FILE`",
        )
    if data.path == Data().path and not Path(data.path).exists():
        raise DataError(
            f"`{data.path}` does not exist",
            "for a table of your own: `housing init FILE --target COLUMN --train`; else give the "
            "table with `--data-path FILE`",
        )
    table = read_table(data.path, settings.schema(), data.kinds)
    settings = settings.learned(table.kinds)
    rows = TrainingRows(table.features, table.target, data_info(table))
    tuned = None
    if settings.train.tune:
        tuned = tune(settings, rows.features, rows.target, progress, stop_key)
    metadata, files, difference = build_version(
        settings, rows, tag=tag, progress=progress, tuned=tuned
    )
    before = registry.readable(PRODUCTION)
    version, waits = add_version(settings, registry, metadata, files, promote=promote)
    production = registry.aliases().get(PRODUCTION) == version.name
    return Trained(
        version,
        production,
        dict(table.dropped),
        difference,
        refused="" if production else refusal(settings, version),
        unsigned=registry.trust is not None and registry.signer is None,
        reading=table.reading,
        waits=waits,
        before=before,
    )


def data_info(table: Table) -> DataInfo:
    """Return what the metadata says of a table."""
    copies = copies_in(table.features, table.target)
    return DataInfo(table.path, table.sha256, len(table), dict(table.dropped), copies=copies)


@one_thread()
def build_version(
    settings: Settings,
    rows: TrainingRows,
    *,
    tag: str | None = None,
    parent: str | None = None,
    evidence: dict[str, object] | None = None,
    progress: Progress = silent,
    tuned: Tuned | None = None,
    measured: OutOfFold | None = None,
) -> tuple[Metadata, dict[str, bytes], float]:
    """Cross-validate, fit and compile; return the metadata and files of an unregistered version.

    measured: what a cross-validation of these rows saw, where there was one already. The third
    value is the largest difference between compiled and fitted prices.
    """
    schema, seed = settings.schema(), settings.train.seed
    outer, libraries = None, list(LIBRARIES)
    if tuned is not None:
        settings = msgspec.structs.replace(settings, model=tuned.model)
        evidence = {**(evidence or {}), "tuning": tuned.evidence}
        outer, libraries = tuned.outer, [*LIBRARIES, "optuna"]
    if lightgbm.NAME in named(settings.model):
        libraries.append(lightgbm.PACKAGE)
    if measured is None:
        measured = measure(settings, rows.features, rows.target, progress, outer)
    out_of_fold = measured.prices
    pipeline = fit(settings, rows.features, rows.target)
    spread, intervals = _intervals(pipeline, rows, out_of_fold, seed)
    model = spread and spread.model
    onnx = export_onnx(pipeline, len(schema.features), model)
    compiled = CompiledModel(onnx, len(schema.features), spreads=model is not None)
    difference = verify_export(pipeline, compiled, rows.features, seed, model, schema.whole())
    golden = _golden_rows(compiled, rows.features, seed)
    explanation = explanation_of(pipeline, onnx, compiled, rows.features)
    buffer = io.BytesIO()
    know_names(pipeline, schema.features)  # from here on it warns of arrays
    joblib.dump(pipeline, buffer)
    metadata = Metadata(
        created=now(),
        schema=schema,
        regressor=settings.model.regressor,
        parameters=_plain(learned_by(pipeline).get_params()),
        imputer=settings.model.imputer,
        target_scale=settings.model.target,
        seed=seed,
        metrics=_baseline(rows.target, out_of_fold)
        | {"folds": float(settings.train.folds), "repeats": float(len(out_of_fold))},
        data=rows.info,
        git=_git(),
        libraries=_libraries(libraries),
        golden=golden,
        tag=tag,
        parent=parent,
        evidence=evidence or {},
        format=METADATA if schema.kinds else 1,
        ranges=_ranges(rows.features, schema),
        importances=_importances(measured, schema),
    )
    files = {
        PIPELINE_FILE: buffer.getvalue(),
        MODEL_FILE: onnx,
        REFERENCE_FILE: _reference(rows, measured, spread, seed, schema),
        INTERVALS_FILE: intervals.to_json(),
        EXPLANATION_FILE: explanation.to_json(),
    }
    return metadata, files, difference


def _intervals(
    pipeline: Pipeline, rows: TrainingRows, out_of_fold: Floats, seed: int
) -> tuple[Spread | None, IntervalModel]:
    """Return the intervals, and the spread that they are scaled with where that is better."""
    spread = fit_spread(pipeline, rows.features, rows.target, out_of_fold, seed)
    spreads = None if spread is None else spread.out_of_fold
    intervals = fit_intervals(rows.target, out_of_fold, spreads=spreads)
    return spread if intervals.scaled else None, intervals


def _baseline(target: Floats, out_of_fold: Floats) -> dict[str, float]:
    """Return the metrics over all repeats: their rows are pooled, so RMSE is of all errors."""
    return gate.metrics(np.tile(target, len(out_of_fold)), out_of_fold.ravel())


def _golden_rows(compiled: CompiledModel, features: Floats, seed: int) -> Golden:
    rng = np.random.default_rng(seed)
    rows = features[np.sort(rng.permutation(len(features))[:GOLDEN_ROWS])]
    blank = np.full((1, features.shape[1]), np.nan)
    rows = np.vstack([rows, blank])
    inputs = [[None if np.isnan(value) else float(value) for value in row] for row in rows]
    return Golden(inputs, [float(price) for price in compiled.score(rows)])


def _ranges(features: Floats, schema: FeatureSchema) -> dict[str, tuple[float, float]]:
    """Return the least and the highest value of each number; days go on, and words have none."""
    columns = zip(schema.features, features.T, strict=True)
    known = {name: column[~np.isnan(column)] for name, column in columns}
    return {
        name: (float(column.min()), float(column.max()))
        for name, column in known.items()
        if schema.kind(name) is None and len(column)
    }


def _importances(measured: OutOfFold, schema: FeatureSchema) -> dict[str, float]:
    named = zip(schema.features, np.round(measured.importances, 6).tolist(), strict=True)
    return dict(sorted(named, key=lambda one: -one[1]))


def _reference(
    rows: TrainingRows, measured: OutOfFold, spread: Spread | None, seed: int, schema: FeatureSchema
) -> bytes:
    """Return the rows that later judgments compare with: a sample with its out-of-fold prices."""
    rng = np.random.default_rng(seed)
    picked = np.sort(rng.permutation(len(rows.target))[:REFERENCE_ROWS])
    features = rows.features[picked]
    columns = [[None if np.isnan(v) else v for v in column] for column in features.T.tolist()]
    reference = {
        "features": columns,
        "target": rows.target[picked].tolist(),
        "out_of_fold": np.round(measured.prices[:, picked], 6).tolist(),
        "importances": np.round(measured.importances, 6).tolist(),
        "edges": edges_of(rows.features, measured.prices[0], categories_of(schema)),
    }
    if spread is not None:
        reference["spreads"] = np.round(spread.out_of_fold[picked], 6).tolist()
    return msgspec.json.encode(reference)


def _plain(params: dict[str, object]) -> dict[str, object]:
    simple = (str, int, float, bool, type(None), list, dict)
    # `estimators` holds the regressors that the other parameters name one by one.
    return {
        k: v if isinstance(v, simple) else repr(v)
        for k, v in sorted(params.items())
        if k != "estimators"
    }


def _libraries(names: list[str]) -> dict[str, str]:
    return {"python": platform.python_version()} | {n: library_version(n) for n in names}


def _git() -> GitInfo:
    try:
        commit = _git_output("rev-parse", "HEAD")
        return GitInfo(commit, bool(_git_output("status", "--porcelain", "--untracked-files=no")))
    except (OSError, subprocess.SubprocessError):
        # An image is built of a checkout that is not in it; the build says of which commit.
        return GitInfo(os.environ.get("GIT_COMMIT") or None)


def _git_output(*args: str) -> str:
    done = subprocess.run(["git", *args], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
