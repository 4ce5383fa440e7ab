"""Small real models, and settings to serve them with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from housing_cli.config import Data, Settings
from housing_cli.data.schema import FeatureSchema
from housing_cli.registry import DataInfo, GitInfo, Golden, Metadata, ModelRegistry, Version

FEATURES = Data().features
ROW = dict(
    zip(
        FEATURES,
        [0.00632, 18.0, 2.31, 0, 0.538, 6.575, 65.2, 4.09, 1, 296, 15.3, 396.9, 4.98],
        strict=True,
    )
)


def make_files(
    seed: int, width: int, trees: int = 10, rows: int = 120
) -> tuple[dict[str, bytes], Golden]:
    """Return the files and golden rows of a small random forest."""
    random = np.random.default_rng(seed)
    table = random.normal(size=(rows, width)).astype(np.float32).astype(np.float64)
    price = np.exp(0.3 * table[:, 0] + 3) + seed
    fitted = make_pipeline(
        SimpleImputer(strategy="median"), RandomForestRegressor(trees, random_state=seed)
    ).fit(table, price)
    graph = to_onnx(fitted, initial_types=[("features", FloatTensorType([None, width]))])
    golden_rows = table[:5].tolist()
    golden_rows[0][-1] = None
    given = np.array(golden_rows, dtype=np.float64)
    golden = Golden(golden_rows, fitted.predict(given).tolist())
    return {"model.onnx": graph.SerializeToString()}, golden


def add_version(
    registry: ModelRegistry,
    seed: int = 0,
    *,
    features: tuple[str, ...] = FEATURES,
    limits: dict[str, tuple[float | None, float | None]] | None = None,
    tag: str | None = None,
    promote: bool | None = None,
    spoil: Callable[[dict[str, bytes], Golden], tuple[dict[str, bytes], Golden]] | None = None,
    trees: int = 10,
    rows: int = 120,
) -> Version:
    """Register a small model; `spoil` may damage it before its hashes are taken."""
    files, golden = make_files(seed, len(features), trees, rows)
    if spoil is not None:
        files, golden = spoil(files, golden)
    metadata = Metadata(
        created="2026-01-02T03:04:05.678Z",
        schema=FeatureSchema(features, "MEDV", limits or {}),
        regressor="RandomForestRegressor",
        parameters={"n_estimators": trees},
        imputer="median",
        seed=seed,
        metrics={"rmse": 3.2, "mae": 2.1, "r2": 0.87},
        data=DataInfo("data.csv", "ab" * 32, 120),
        git=GitInfo("c" * 40, False),
        libraries={},
        golden=golden,
        tag=tag,
    )
    return registry.add(metadata, files, promote=promote)


def make_settings(folder: Path, **sections: dict[str, Any]) -> Settings:
    """Return settings for a registry and a csv log in `folder`."""
    values: dict[str, dict[str, Any]] = {
        "registry": {"path": str(folder / "artifacts")},
        "log": {"url": f"csv:{folder / 'logs'}"},
        "serve": {"reload_seconds": 0.05},
    }
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return msgspec.convert(values, Settings)
