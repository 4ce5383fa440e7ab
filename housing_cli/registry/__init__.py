"""The model registry: versions, aliases and history as files under `artifacts/`."""

from housing_cli.registry.metadata import (
    DataInfo,
    Event,
    GitInfo,
    Golden,
    Metadata,
    Version,
)
from housing_cli.registry.store import ModelRegistry

__all__ = ["DataInfo", "Event", "GitInfo", "Golden", "Metadata", "ModelRegistry", "Version"]
