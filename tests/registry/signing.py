"""Registries whose versions and moves are signed, and those who check it."""

from __future__ import annotations

from pathlib import Path

from housing_cli.registry import ModelRegistry, RegistryReader
from housing_cli.registry.keys import signer_of
from housing_cli.registry.minisign import SecretKey, new_key, secret_text
from housing_cli.registry.signatures import Signer, Trust


class Keys:
    """A new key, and what is made of it."""

    def __init__(self) -> None:
        self.secret: SecretKey = new_key()
        self.text = secret_text(self.secret)
        self.line = self.secret.public.line
        self.name = self.secret.public.name

    def trust(self, *others: Keys) -> Trust:
        """Trust this key and others."""
        return Trust(keys.secret.public for keys in (self, *others))

    def signer(self) -> Signer:
        """Sign with this key."""
        return signer_of(self.text, None)

    def registry(self, root: Path, *others: Keys) -> ModelRegistry:
        """A registry that signs with this key, and trusts others, too."""
        return ModelRegistry(root, 5, self.trust(*others), self.text)

    def reader(self, root: Path) -> RegistryReader:
        """The same registry, as a server reads it."""
        return RegistryReader(root, 5, self.trust())
