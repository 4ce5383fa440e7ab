"""The model registry: versions, aliases and history as files under `artifacts/`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.registry.metadata import (
    DataInfo,
    Event,
    GitInfo,
    Golden,
    Metadata,
    Version,
)
from housing_cli.registry.names import (
    EXPLANATION_FILE,
    INTERVALS_FILE,
    MODEL_FILE,
    PIPELINE_FILE,
    REFERENCE_FILE,
)
from housing_cli.registry.reader import RegistryReader
from housing_cli.registry.signatures import trust_in
from housing_cli.registry.store import ModelRegistry
from housing_cli.registry.trials import Trial

if TYPE_CHECKING:
    from housing_cli.config import Settings

__all__ = [
    "EXPLANATION_FILE",
    "INTERVALS_FILE",
    "MODEL_FILE",
    "PIPELINE_FILE",
    "REFERENCE_FILE",
    "DataInfo",
    "Event",
    "GitInfo",
    "Golden",
    "Metadata",
    "ModelRegistry",
    "RegistryReader",
    "Trial",
    "Version",
    "open_reader",
    "open_registry",
]


def open_registry(settings: Settings) -> ModelRegistry:
    """Return the registry that the settings name; nothing is read or made yet.

    Raises `ConfigError` at a trusted key that is none.
    """
    registry = settings.registry
    return ModelRegistry(
        registry.path,
        registry.lock_timeout,
        trust_in(registry.trusted_keys),
        registry.signing_key,
    )


def open_reader(settings: Settings) -> RegistryReader:
    """Return the registry that the settings name, for those who never change it: a server.

    Raises `ConfigError` where signatures are asked for that cannot be checked here.
    """
    registry = settings.registry
    trust = trust_in(registry.trusted_keys)
    if trust is not None:
        trust.ready()
    return RegistryReader(registry.path, registry.lock_timeout, trust)
