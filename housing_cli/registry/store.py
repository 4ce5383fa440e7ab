"""ModelRegistry: add, get, list, resolve, verify, point an alias, history, collect garbage.

A version is built aside and published by one rename; it is complete or absent, and never changes.
Aliases and history change together (see `transaction`). Many processes may use one directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from housing_cli.errors import RegistryError, VersionCorrupt, VersionNotFound
from housing_cli.registry.history import highest_number, parse_history, read_history
from housing_cli.registry.metadata import Event, Metadata, Version
from housing_cli.registry.names import (
    LATEST,
    NAME,
    PREVIOUS,
    PRODUCTION,
    VERSION_REF,
    check_alias,
    check_tag,
    is_version,
    printable,
    storable,
)
from housing_cli.registry.transaction import (
    GENESIS,
    JOURNAL,
    Plan,
    chain,
    commit,
    line_hash,
    locked,
    remove_tree,
    sha256,
    sync_directory,
    writable,
)

__all__ = ["PREVIOUS", "PRODUCTION", "ModelRegistry", "check_alias", "check_tag", "now"]

RESTORE = "restore the file, or use another version"
LIST = "see what there is with `housing registry ls`"


class ModelRegistry:
    """The registry at `path`; reading needs no lock and creates nothing."""

    def __init__(self, path: Path | str, lock_timeout: float = 60.0) -> None:
        self.root = Path(path)
        self.lock_timeout = lock_timeout

    # Reading

    def names(self) -> list[str]:
        """Return the names of all versions, oldest first."""
        with self.reading():
            self._settle()
            try:
                entries = [entry.name for entry in (self.root / "versions").iterdir()]
            except FileNotFoundError:
                return []
        return sorted(filter(is_version, entries), key=lambda name: int(name[1:]))

    def versions(self) -> list[Version]:
        """Return all versions, oldest first. Raises `VersionCorrupt` where one cannot be read."""
        found, broken = self.survey()
        if broken:
            raise next(iter(broken.values()))
        return found

    def survey(self) -> tuple[list[Version], dict[str, VersionCorrupt]]:
        """Return the versions that can be read, oldest first, and what is wrong with the others."""
        found, broken = [], {}
        for name in self.names():
            try:
                found.append(self._read(name))
            except VersionNotFound:  # removed since it was listed
                continue
            except VersionCorrupt as error:
                broken[name] = error
        return found, broken

    def get(self, ref: str) -> Version:
        """Return the version that REF names. Raises `VersionNotFound`."""
        return self._read(self.resolve(ref))

    def find(self, ref: str) -> Version | None:
        """Return the version that REF names, or `None` where there is none."""
        try:
            return self.get(ref)
        except VersionNotFound:
            return None

    def aliases(self) -> dict[str, str]:
        """Return every alias with the version that it names, sorted by alias."""
        with self.reading():
            self._settle()
            try:
                names = sorted(path.name for path in (self.root / "aliases").iterdir())
            except FileNotFoundError:
                return {}
        return {name: self._alias_text(name) for name in names if NAME.fullmatch(name)}

    @property
    def history_file(self) -> Path:
        """Return the file with one event a line."""
        return self.root / "history.jsonl"

    def alias_path(self, alias: str) -> Path:
        """Return the file that names the alias's version; it changes by being replaced."""
        return self.root / "aliases" / alias

    def resolve(self, ref: str) -> str:
        """Return `v3` for `v3`, `3`, `latest`, an alias or a unique tag.

        Raises `VersionNotFound` where REF names nothing or more than one version.
        """
        names = self.names()
        if not names:
            raise VersionNotFound(
                f"registry `{self.root}` has no versions", "make one with `housing train`"
            )
        if ref == LATEST:
            return names[-1]
        if match := VERSION_REF.fullmatch(ref):
            name = f"v{match[1]}"
            message, hint = f"version `{name}` is not in registry `{self.root}`", LIST
        elif NAME.fullmatch(ref) and self.alias_path(ref).is_file():
            name = self._alias(ref)
            message = f"alias `{ref}` names {name}, which is not in registry `{self.root}`"
            hint = f"point it anew with `housing promote REF --to {ref}`"
        else:
            return self._resolve_tag(ref)
        # Looked up anew: a version may be younger than the list of names.
        if not (self.root / "versions" / name).is_dir():
            raise VersionNotFound(message, hint)
        return name

    def _resolve_tag(self, ref: str) -> str:
        tagged = [version.name for version in self.survey()[0] if version.metadata.tag == ref]
        if not tagged:
            raise VersionNotFound(
                f"`{printable(ref)}` is no version, alias or tag in registry `{self.root}`", LIST
            )
        if len(tagged) > 1:
            raise VersionNotFound(
                f"tag `{ref}` is not unique: {', '.join(tagged)} carry it",
                f"name one of them, for example `{tagged[-1]}`",
            )
        return tagged[0]

    def read_file(self, version: Version, name: str) -> bytes:
        """Return the bytes of a version's file, checked against the hash in its metadata."""
        expected = version.metadata.files.get(name)
        try:
            data = (version.directory / name).read_bytes()
        except OSError as error:
            raise VersionCorrupt(
                f"`{name}` of {version.name} cannot be read: {_reason(error)}", RESTORE
            ) from error
        if expected is None or sha256(data) != expected:
            raise VersionCorrupt(
                f"`{name}` of {version.name} is not the file that was registered (SHA-256 differs)",
                RESTORE,
            )
        return data

    def history(self) -> list[Event]:
        """Return every event, oldest first. Raises `VersionCorrupt` at a line that is none."""
        with self.reading():
            self._settle()
            return parse_history(read_history(self.history_file), self.history_file)

    # Writing

    def add(
        self,
        metadata: Metadata,
        files: Mapping[str, bytes],
        *,
        promote: bool | None = None,
        why: str = "",
    ) -> Version:
        """Publish a new version with `files` and return it.

        promote: point `production` at it; `None`: only if there is no production yet.
        """
        if metadata.tag is not None:
            check_tag(metadata.tag)
        digests = {name: sha256(data) for name, data in files.items()}
        metadata = msgspec.structs.replace(metadata, files=digests)
        encoded = msgspec.json.format(msgspec.json.encode(metadata), indent=1) + b"\n"
        with locked(self.root, self.lock_timeout):
            name = self._next_name()
            building = self.root / "versions" / f".building-{name}"
            _build(building, {**files, "metadata.json": encoded})
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
            if promote or (promote is None and current is None):
                aliases = self._alias_moves(PRODUCTION, name, current)
                events.append(
                    self._event(
                        "promoted", alias=PRODUCTION, from_=current, to=name,
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
        `False`: whichever it names.
        """
        check_alias(alias)
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
                event, alias=alias, from_=current, to=version.name, why=why,
                evidence=dict(evidence or {}),
            )  # fmt: skip
            self._commit([moved], self._alias_moves(alias, version.name, current))
        return moved

    def record(
        self, event: str, version: Version, *, why: str, evidence: dict[str, object]
    ) -> None:
        """Add an event that moves nothing to the history (a refusal, for instance)."""
        with locked(self.root, self.lock_timeout):
            self._commit([self._event(event, to=version.name, why=why, evidence=evidence)], {})

    def gc(self, keep: int, *, dry_run: bool = False) -> list[str]:
        """Remove all but the newest `keep` versions and those an alias names; return the names."""
        with locked(self.root, self.lock_timeout):
            names = self.names()
            kept = {*names[-keep:], *self.aliases().values()}
            removed = [name for name in names if name not in kept]
            if removed and not dry_run:
                renames = [(f"versions/{name}", f"versions/.removed-{name}") for name in removed]
                events = [self._event("removed", from_=name, why="gc") for name in removed]
                self._commit(events, {}, renames=renames)
                for _, trash in renames:
                    remove_tree(self.root / trash)
        return removed

    def _commit(
        self,
        events: list[Event],
        aliases: dict[str, str],
        renames: list[tuple[str, str]] | None = None,
    ) -> None:
        raw = read_history(self.history_file)
        lines = raw.splitlines()
        previous = line_hash(lines[-1]) if lines else GENESIS
        plan = Plan(renames or [], len(raw), chain(events, previous), aliases)
        commit(self.root, plan)

    def _event(self, event: str, **values: object) -> Event:
        clean = {key: storable(v) if isinstance(v, str) else v for key, v in values.items()}
        return Event(when=now(), who=_who(), event=event, **clean)  # type: ignore[arg-type]

    def _alias_moves(self, alias: str, name: str, current: str | None) -> dict[str, str]:
        moves = {alias: name}
        if alias == PRODUCTION and current != name and is_version(current):
            moves[PREVIOUS] = str(current)
        return moves

    def _next_name(self) -> str:
        # A removed version's number is not given again: history still speaks of it.
        taken = [highest_number(read_history(self.history_file))]
        taken += [int(name[1:]) for name in self.names()]
        return f"v{max(taken) + 1}"

    def _current(self, alias: str) -> str | None:
        return self._alias_text(alias) if self.alias_path(alias).is_file() else None

    def _alias_text(self, alias: str) -> str:
        try:
            return self.alias_path(alias).read_text(errors="replace").strip()
        except OSError:
            return ""

    def _alias(self, alias: str) -> str:
        text = self._alias_text(alias)
        if not is_version(text):
            raise VersionNotFound(
                f"alias `{alias}` names no version: its file holds `{printable(text)[:40]}`",
                f"point it anew with `housing promote REF --to {alias}`",
            )
        return text

    def _read(self, name: str) -> Version:
        directory = self.root / "versions" / name
        try:
            raw = (directory / "metadata.json").read_bytes()
            return Version(name, directory, msgspec.json.decode(raw, type=Metadata))
        except FileNotFoundError:
            if directory.is_dir():
                raise VersionCorrupt(f"`metadata.json` of {name} is missing", RESTORE) from None
            raise VersionNotFound(
                f"version `{name}` is not in registry `{self.root}`", LIST
            ) from None
        except (OSError, msgspec.MsgspecError) as error:
            raise VersionCorrupt(
                f"`metadata.json` of {name} cannot be read: {_reason(error)}", RESTORE
            ) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what the operating system refuses into `RegistryError`."""
        try:
            yield
        except OSError as error:
            raise RegistryError(
                f"registry `{self.root}` cannot be read: {_reason(error)}",
                "check that it is a directory that you may read, or set `HOUSING_REGISTRY_PATH`",
            ) from error

    def _settle(self) -> None:
        """Finish what a crashed command had committed; wait for one that is at it now."""
        if (self.root / JOURNAL).exists() and writable(self.root):
            with locked(self.root, self.lock_timeout):
                pass


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


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


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
