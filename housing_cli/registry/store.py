"""ModelRegistry: add a version, point an alias, record an event, collect garbage.

A version is built aside and published by one rename; it is complete or absent, and never changes.
Aliases and history change together (see `transaction`). Many processes may use one directory.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from housing_cli.errors import ConfigError, RegistryError, VersionNotFound
from housing_cli.files import sync_directory
from housing_cli.registry.digests import GENESIS, chain, line_hash, sha256
from housing_cli.registry.history import check_head, highest_number, read_history
from housing_cli.registry.keys import signer_of
from housing_cli.registry.metadata import ABORTED, ENDED, Event, Metadata, Version
from housing_cli.registry.names import (
    METADATA_FILE,
    PASSING,
    PREVIOUS,
    PRODUCTION,
    SIGNATURE_FILE,
    check_alias,
    check_tag,
    is_version,
    storable,
)
from housing_cli.registry.plan import Plan
from housing_cli.registry.reader import LIST, RegistryReader
from housing_cli.registry.transaction import JOURNAL, commit, locked, remove_tree, writable
from housing_cli.registry.trials import weight_of

if TYPE_CHECKING:
    from housing_cli.registry.signatures import Signer, Trust

__all__ = ["PREVIOUS", "PRODUCTION", "ModelRegistry", "check_alias", "check_tag", "now"]


class ModelRegistry(RegistryReader):
    """The registry at `path`, read and changed.

    signing_key: what `registry.signing_key` holds; it is read where something is to be signed.
    """

    def __init__(
        self,
        path: Path | str,
        lock_timeout: float = 60.0,
        trust: Trust | None = None,
        signing_key: str | None = None,
    ) -> None:
        super().__init__(path, lock_timeout, trust)
        self._signing_key = signing_key

    @functools.cached_property
    def signer(self) -> Signer | None:
        """Return who signs versions and moves; `None`: nobody. Raises `ConfigError`."""
        return signer_of(self._signing_key, self.trust) if self._signing_key else None

    def check_signing(self, *, moves: bool = True) -> None:
        """Raise `ConfigError` where the signing key cannot be used: before the work that it signs.

        moves: also where an alias is to be moved, signatures are asked for, and there is no key.
        """
        if self.signer is None and self.trust is not None and moves:
            raise ConfigError(
                "`registry.trusted_keys` is set, and no `registry.signing_key` to sign the move of "
                "an alias with",
                "set `HOUSING_REGISTRY_SIGNING_KEY` to a key that is trusted, or to its file",
            )

    def add(
        self,
        metadata: Metadata,
        files: Mapping[str, bytes],
        *,
        promote: bool | None = None,
        why: str = "",
    ) -> Version:
        """Publish a new version with `files` and return it.

        promote: point `production` at it; `None`: only if there is no production yet, and the
        move can be signed where signatures are asked for.
        """
        if promote:
            self.check_signing()
        if metadata.tag is not None:
            check_tag(metadata.tag)
        digests = {name: sha256(data) for name, data in files.items()}
        metadata = msgspec.structs.replace(metadata, files=digests)
        encoded = msgspec.json.format(msgspec.json.encode(metadata), indent=1) + b"\n"
        with locked(self.root, self.lock_timeout):
            name = self._next_name()
            building = self.directory(f".building-{name}")
            signed = {SIGNATURE_FILE: self.signer.version(name, encoded)} if self.signer else {}
            _build(building, {**files, METADATA_FILE: encoded, **signed})
            events = [
                self._event(
                    "registered",
                    from_=metadata.parent,
                    to=name,
                    why=why,
                    evidence={"metadata_sha256": sha256(encoded)},
                )
            ]
            aliases: dict[str, str] = {}
            current = self._current(PRODUCTION)
            by_itself = promote is None and current is None and (self.signer or not self.trust)
            if promote or by_itself:
                aliases = self._alias_moves(PRODUCTION, name, current)
                events.append(
                    self._event(
                        "promoted", alias=PRODUCTION, from_=self._if_there(current), to=name,
                        why=why or ("first version" if current is None else ""),
                    )
                )  # fmt: skip
            rename = (f"versions/{building.name}", f"versions/{name}")
            self._commit(events, aliases, renames=[rename])
        return self._read(name)

    def point(
        self,
        alias: str,
        version: Version,
        *,
        why: str = "",
        event: str = "promoted",
        evidence: Mapping[str, object] | None = None,
        expected: str | Literal[False] | None = False,
    ) -> Event:
        """Point `alias` at `version` and return the event.

        expected: the version that the alias must still name (`None`: no such alias yet), for
        judgments made before the lock was held; raises `RegistryError` if it moved meanwhile.
        `False`: whichever it names. What `production` comes to name is tried and waits no more:
        the aliases of `PASSING` that name it end.
        """
        check_alias(alias)
        self.check_signing()
        with locked(self.root, self.lock_timeout):
            current = self._current(alias)
            if expected is not False and current != expected:
                raise RegistryError(
                    f"`{alias}` moved to {current} while {version.name} was being judged",
                    "look at `housing registry history`, then run the command again",
                )
            if not version.directory.is_dir():
                raise VersionNotFound(f"version `{version.name}` was removed meanwhile", LIST)
            moved = self._event(
                event, alias=alias, from_=self._if_there(current), to=version.name, why=why,
                evidence=dict(evidence or {}),
            )  # fmt: skip
            events = [moved, *(self._arrived(version.name) if alias == PRODUCTION else ())]
            self._commit(events, self._alias_moves(alias, version.name, current))
        return moved

    def end(self, alias: str, *, why: str, evidence: Mapping[str, object] | None = None) -> Event:
        """Remove one of the aliases of `PASSING` and return the event: what it names is given up.

        Raises `VersionNotFound` where it names nothing.
        """
        if alias not in PASSING:
            raise ValueError(f"`{alias}` does not end")
        with locked(self.root, self.lock_timeout):
            name = self._current(alias)
            if name is None:
                raise VersionNotFound(f"there is no `{alias}`", LIST)
            ended = self._ending(ABORTED, alias, name, why, dict(evidence or {}))
            self._commit([ended], {})
        return ended

    def _arrived(self, name: str) -> list[Event]:
        """Return the ends of the aliases that named `name` until it became production."""
        there = {alias: self._current(alias) for alias in PASSING}
        return [
            self._ending(ENDED, alias, name, f"{name} is production")
            for alias, named in there.items()
            if named == name
        ]

    def _ending(
        self, event: str, alias: str, name: str, why: str, evidence: dict[str, object] | None = None
    ) -> Event:
        there = self._if_there(name)
        return self._event(
            event, alias=alias, from_=there, why=why, evidence=evidence or {}, format=2
        )

    def record(
        self, event: str, version: Version, *, why: str, evidence: dict[str, object]
    ) -> None:
        """Add an event that moves nothing to the history (a refusal, for instance)."""
        with locked(self.root, self.lock_timeout):
            self._commit([self._event(event, to=version.name, why=why, evidence=evidence)], {})

    def gc(self, keep: int, *, dry_run: bool = False) -> list[str]:
        """Remove all but the newest `keep` versions and those an alias names; return the names."""
        if dry_run:  # needs no permission to write
            return self._superfluous(keep)
        with locked(self.root, self.lock_timeout):
            removed = self._superfluous(keep)
            if removed:
                renames = [(f"versions/{name}", f"versions/.removed-{name}") for name in removed]
                events = [self._event("removed", from_=name, why="gc") for name in removed]
                self._commit(events, {}, renames=renames)
                for _, trash in renames:
                    remove_tree(self.root / trash)
        return removed

    def _superfluous(self, keep: int) -> list[str]:
        names = self.names()
        kept = {*names[-keep:], *self.aliases().values()}
        return [name for name in names if name not in kept]

    def _settle(self) -> None:
        """Finish what a crashed command had committed; wait for one that is at it now."""
        super()._settle()
        if (self.root / JOURNAL).exists() and writable(self.root):
            with locked(self.root, self.lock_timeout):
                pass

    def _commit(
        self,
        events: list[Event],
        aliases: dict[str, str],
        renames: list[tuple[str, str]] | None = None,
    ) -> None:
        raw = read_history(self.history_file)
        # A new line, and the new digest with it, would make a tampered history look whole.
        check_head(raw, self.history_file)
        lines = raw.splitlines()
        previous = line_hash(lines[-1]) if lines else GENESIS
        moves = {f"versions/{name}": name for name in aliases.values()}
        built = {moves[target]: source for source, target in renames or [] if target in moves}
        told = len(lines) + len(events)
        weights = {e.alias: weight_of(e) for e in events if e.alias}
        statements = {}
        for alias, name in aliases.items():
            metadata = self._metadata(built, name)
            if self.signer and metadata is not None:
                signed = self.signer.alias(alias, name, metadata, told, weights.get(alias, 0.0))
                statements[alias] = signed.decode()
        ended = [event.ends for event in events if event.ends]
        plan = Plan(renames or [], len(raw), chain(events, previous), aliases, statements, ended)
        commit(self.root, plan)

    def _metadata(self, built: Mapping[str, str], name: str) -> bytes | None:
        """Return the bytes of a version's metadata; built: the folders of those still unnamed.

        `None` where they cannot be read: a champion that is broken must not stay for ever.
        """
        folder = self.root / built[name] if name in built else self.directory(name)
        try:
            return (folder / METADATA_FILE).read_bytes()
        except OSError:
            return None

    def _event(self, event: str, **values: object) -> Event:
        clean = {key: storable(v) if isinstance(v, str) else v for key, v in values.items()}
        return Event(when=now(), who=_who(), event=event, **clean)  # type: ignore[arg-type]

    def _alias_moves(self, alias: str, name: str, current: str | None) -> dict[str, str]:
        moves = {alias: name}
        if alias == PRODUCTION and current != name and self._if_there(current):
            moves[PREVIOUS] = str(current)
        return moves

    def _if_there(self, name: str | None) -> str | None:
        """Return `name` if it is a version: an alias may name anything, or what was removed."""
        there = is_version(name) and self.directory(str(name)).is_dir()
        return name if there else None

    def _next_name(self) -> str:
        # A removed version's number is not given again: history still speaks of it.
        taken = [highest_number(read_history(self.history_file))]
        taken += [int(name[1:]) for name in self.names()]
        return f"v{max(taken) + 1}"

    def _current(self, alias: str) -> str | None:
        return self._alias_text(alias) if self.alias_path(alias).is_file() else None


def now() -> str:
    """Return the time as the files write it: UTC, ISO 8601, milliseconds, `Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _who() -> str:
    """Return user@host, and in CI the run."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    who = f"{user}@{os.uname().nodename}"
    run = os.environ.get("GITHUB_RUN_ID")
    return f"{who} (run {os.environ.get('GITHUB_REPOSITORY', '')}/{run})" if run else who


def _build(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` into the new `directory`, or leave nothing there."""
    directory.mkdir(parents=True)
    try:
        for name, data in files.items():
            with (directory / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        sync_directory(directory)
    except BaseException:
        remove_tree(directory, ignore_errors=True)
        raise
