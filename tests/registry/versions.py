"""Versions without a model: what the registry does with them needs none."""

from __future__ import annotations

from pathlib import Path

from housing_cli.data.schema import FeatureSchema
from housing_cli.registry import DataInfo, GitInfo, Golden, Metadata, ModelRegistry, Version

FILES = {"model.onnx": b"onnx", "model.joblib": b"joblib", "reference.json": b"{}"}


def metadata(tag: str | None = None) -> Metadata:
    return Metadata(
        created="2026-11-23T12:00:00.000Z",
        schema=FeatureSchema(("a",), "y"),
        regressor="Ridge",
        parameters={},
        imputer="median",
        seed=1,
        metrics={"rmse": 1.0, "mae": 1.0, "r2": 0.9},
        data=DataInfo("t.csv", "0" * 64, 10),
        git=GitInfo(),
        libraries={},
        golden=Golden(),
        tag=tag,
    )


def add(registry: ModelRegistry, tag: str | None = None, promote: bool | None = None) -> Version:
    return registry.add(metadata(tag), FILES, promote=promote)


def registry_of(path: Path, n: int) -> ModelRegistry:
    registry = ModelRegistry(path, 5)
    for _ in range(n):
        add(registry)
    return registry
