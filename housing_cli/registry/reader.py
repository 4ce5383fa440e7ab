"""RegistryReader: versions, aliases and history, without a lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from housing_cli.errors import NewerFormat, RegistryError, VersionCorrupt, VersionNotFound
from housing_cli.files import read_file, reason
from housing_cli.registry import formats
from housing_cli.registry.altered import CHECK_OUT, byte_order_mark, line_ends_changed
from housing_cli.registry.digests import sha256
from housing_cli.registry.history import parse_history, read_history
from housing_cli.registry.metadata import Event, Version, parse_metadata
from housing_cli.registry.names import (
    CANARY,
    LATEST,
    METADATA_FILE,
    NAME,
    PASSING,
    PREVIOUS,
    PRODUCTION,
    SIGNATURE_FILE,
    SIGNATURES,
    VERSION_REF,
    is_version,
    printable,
    statement_file,
)
from housing_cli.registry.trials import Trial, trial_of

if TYPE_CHECKING:
    from housing_cli.registry.signatures import Trust

RESTORE = "restore the file, or use another version"
LIST = "see what there is with `housing registry ls`"


class RegistryReader:
    """The registry at `path`; reading needs no lock, and creates and mends nothing.

    trust: whose signatures count; by default none is asked for.
    """

    def __init__(
        self, path: Path | str, lock_timeout: float = 60.0, trust: Trust | None = None
    ) -> None:
        self.root = Path(path)
        self.lock_timeout = lock_timeout
        self.trust = trust

    def names(self) -> list[str]:
        """Return the names of all versions, oldest first."""
        with self.reading():
            self._settle()
            try:
                entries = [entry.name for entry in self.versions_directory.iterdir()]
            except FileNotFoundError:
                return []
        return sorted(filter(is_version, entries), key=lambda name: int(name[1:]))

    def versions(self) -> list[Version]:
        """Return all versions, oldest first.

        Raises `VersionCorrupt` or `NewerFormat` where one cannot be read.
        """
        found, broken = self.survey()
        if broken:
            raise next(iter(broken.values()))
        return found

    def survey(self) -> tuple[list[Version], dict[str, RegistryError]]:
        """Return the versions that can be read, oldest first, and what is wrong with the others."""
        found: list[Version] = []
        broken: dict[str, RegistryError] = {}
        for name in self.names():
            try:
                found.append(self._read(name))
            except VersionNotFound:  # removed since it was listed
                continue
            except (VersionCorrupt, NewerFormat) as error:
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

    def readable(self, ref: str) -> Version | None:
        """Return what `find` does, and `None` for a version that cannot be read, too.

        For those that stand beside another: one that is broken must not hide the others.
        """
        try:
            return self.find(ref)
        except (VersionCorrupt, NewerFormat):
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

    def trial(self, alias: str) -> Trial | None:
        """Return what `shadow` or `canary` tries now; `None` where there is no such alias.

        Raises `VersionNotFound` where the alias names no version, and `VersionCorrupt` where the
        history does not tell that it names this one.
        """
        if not self.alias_path(alias).is_file():
            return None
        # First the alias: the history is written before it.
        name = self._alias(alias)
        found = trial_of(self.history(), alias, name)
        if found is None:
            if not self.alias_path(alias).is_file():  # it ended meanwhile
                return None
            raise VersionCorrupt(
                f"alias `{alias}` names {name}, but `{self.history_file}` does not tell of it",
                f"point it with `housing promote REF --to {alias}`, or end it with "
                f"`housing promote --abort --to {alias}`",
            )
        return found

    def weight(self, alias: str) -> float:
        """Return the percent of the rows that `alias` answers; 0 for any but a canary."""
        trial = self.trial(alias) if alias == CANARY else None
        return trial.weight if trial else 0.0

    @property
    def history_file(self) -> Path:
        """Return the file with one event a line."""
        return self.root / "history.jsonl"

    @property
    def versions_directory(self) -> Path:
        """Return the directory of all versions."""
        return self.root / "versions"

    def directory(self, name: str) -> Path:
        """Return where the files of version `name` are."""
        return self.versions_directory / name

    def alias_path(self, alias: str) -> Path:
        """Return the file that names the alias's version; it changes by being replaced."""
        return self.root / "aliases" / alias

    def is_alias(self, ref: str, version: Version) -> bool:
        """Say whether REF, which was found to name `version`, is an alias and no other REF."""
        if ref == LATEST or VERSION_REF.fullmatch(ref):
            return False
        # These are never tags, whatever a file says that nobody has checked yet.
        tagged = version.metadata.tag == ref and ref not in {PRODUCTION, PREVIOUS, *PASSING}
        return not tagged or self.alias_path(ref).is_file()

    def signature(self, name: str) -> bytes | None:
        """Return the signature of version `name`; `None` where it has none."""
        return self._if_readable(self.directory(name) / SIGNATURE_FILE)

    def statement(self, alias: str, name: str) -> bytes | None:
        """Return the signature that says that `alias` names `name`; `None` where there is none."""
        return self._if_readable(self.root / SIGNATURES / statement_file(alias, name))

    def _if_readable(self, path: Path) -> bytes | None:
        with self.reading():
            try:
                return read_file(path)
            except FileNotFoundError:
                return None

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
            if ref == PREVIOUS:
                hint = "promote a version by its name: see `housing registry ls`"
        else:
            return self._resolve_tag(ref)
        # Looked up anew: a version may be younger than the list of names.
        if not self.directory(name).is_dir():
            raise VersionNotFound(message, hint)
        return name

    def stamp(self, ref: str) -> object:
        """Return what changes when `ref` may name another version; `None` if it never does.

        One or two `stat`, 2 us: a server asks twice a second.
        """
        if VERSION_REF.fullmatch(ref):
            return None
        path = self.alias_path(ref)
        if ref == LATEST or not os.path.lexists(path):
            path = self.versions_directory  # a tag, too, comes and goes with a version
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _similar(self, ref: str) -> str:
        """Return a hint with what was likely meant, nothing where nothing is close."""
        from difflib import get_close_matches

        tags = [version.metadata.tag for version in self.survey()[0] if version.metadata.tag]
        close = get_close_matches(ref, [LATEST, *self.aliases(), *tags], n=1, cutoff=0.7)
        return f"did you mean `{close[0]}`? {LIST}" if close else ""

    def _resolve_tag(self, ref: str) -> str:
        tagged = [version.name for version in self.survey()[0] if version.metadata.tag == ref]
        if not tagged:
            raise VersionNotFound(
                f"`{printable(ref)}` is no version, alias or tag in registry `{self.root}`",
                self._similar(ref) or LIST,
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
        if not NAME.fullmatch(name):  # the metadata may have been made by anybody
            raise VersionCorrupt(
                f"`{METADATA_FILE}` of {version.name} names `{printable(name)}`, which is no file "
                "of a version",
                RESTORE,
            )
        try:
            data = read_file(version.directory / name)
        except OSError as error:
            raise VersionCorrupt(
                f"`{name}` of {version.name} cannot be read: {reason(error)}", RESTORE
            ) from error
        if expected is None or sha256(data) != expected:
            if line_ends_changed(data, lambda written: sha256(written) == expected):
                raise VersionCorrupt(
                    f"`{name}` of {version.name} is not the file that was registered: its line "
                    "ends were changed",
                    CHECK_OUT,
                )
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

    def _alias_text(self, alias: str) -> str:
        try:
            return read_file(self.alias_path(alias)).decode(errors="replace").strip()
        except OSError:
            return ""

    def alias_mark(self, alias: str) -> str | None:
        """Return what to call the byte order mark in the file of `alias`; `None` without one."""
        try:
            return byte_order_mark(read_file(self.alias_path(alias)))
        except OSError:
            return None

    def _alias(self, alias: str) -> str:
        text = self._alias_text(alias)
        if not is_version(text):
            if mark := self.alias_mark(alias):
                raise VersionNotFound(
                    f"alias `{alias}` names no version: its file begins with {mark}",
                    f"save `{self.alias_path(alias)}` as UTF-8 without one, or point it anew with "
                    f"`housing promote REF --to {alias}`",
                )
            raise VersionNotFound(
                f"alias `{alias}` names no version: its file holds `{printable(text)[:40]}`",
                f"point it anew with `housing promote REF --to {alias}`",
            )
        return text

    def _read(self, name: str) -> Version:
        directory = self.directory(name)
        try:
            raw = read_file(directory / METADATA_FILE)
            if mark := byte_order_mark(raw):
                raise VersionCorrupt(f"`{METADATA_FILE}` of {name} begins with {mark}", RESTORE)
            formats.refuse_newer(raw, f"`{METADATA_FILE}` of {name}", formats.METADATA)
            return Version(name, directory, parse_metadata(raw))
        except FileNotFoundError:
            if directory.is_dir():
                raise VersionCorrupt(f"`{METADATA_FILE}` of {name} is missing", RESTORE) from None
            raise VersionNotFound(
                f"version `{name}` is not in registry `{self.root}`", LIST
            ) from None
        except (OSError, ValueError, RecursionError) as error:  # odd UTF-8, deep nesting
            raise VersionCorrupt(
                f"`{METADATA_FILE}` of {name} cannot be read: {reason(error)}", RESTORE
            ) from error

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn what the operating system refuses into `RegistryError`."""
        try:
            yield
        except OSError as error:
            raise RegistryError(
                f"registry `{self.root}` cannot be read: {reason(error)}",
                "check that it is a directory that you may read, or set `HOUSING_REGISTRY_PATH`",
            ) from error

    def _settle(self) -> None:
        """Raise `NewerFormat` where the registry is for newer programs alone.

        Changes nothing: what a crashed command had committed is finished by the next command.
        """
        formats.check_registry(self.root)
