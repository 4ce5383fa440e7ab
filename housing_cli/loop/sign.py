"""Sign what the registry holds: after it was proved to be what was registered."""

from __future__ import annotations

from housing_cli.config import Settings
from housing_cli.errors import ConfigError
from housing_cli.loop.verify import verify_registry
from housing_cli.registry import ModelRegistry, open_registry
from housing_cli.registry.resign import Resigned, resign


def sign(settings: Settings, ref: str | None = None, *, untrusted: bool = False) -> Resigned:
    """Sign the version that REF names, or all of them, and the aliases that name them.

    untrusted: also what no trusted key signed. Raises `ConfigError` without a signing key,
    `VersionCorrupt` where something is not as it was registered, and `VersionUntrusted`.
    """
    registry = open_registry(settings)
    if registry.signer is None:
        raise ConfigError(
            "there is no key to sign with",
            "make one with `housing registry sign --new-key FILE`, and set "
            "`HOUSING_REGISTRY_SIGNING_KEY` to FILE",
        )
    # All but the signatures, which are what is missing here.
    plain = ModelRegistry(registry.root, registry.lock_timeout)
    sound = verify_registry(plain, ref).versions
    return resign(registry, registry.signer, sound, untrusted=untrusted)
