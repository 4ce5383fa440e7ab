"""Several changes to the registry as one: written down first, then done, redone after a crash.

A `Plan` is committed by the rename that makes it `.journal.json`. From then on the changes happen,
now or when the next command opens the registry: each step does nothing where it was done already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from housing_cli.errors import RegistryBusy, RegistryError
from housing_cli.files import reason, replace_file, sync_directory, wait_for_lock
from housing_cli.registry import formats
from housing_cli.registry.metadata import Event

JOURNAL = ".journal.json"
DIGEST = "history.sha256"
GENESIS = "0" * 64


class Plan(Struct, frozen=True):
    """Directories to rename, lines to add to the history at byte `history_size`, aliases to set."""

    renames: list[tuple[str, str]] = []
    history_size: int = 0
    lines: list[str] = []
    aliases: dict[str, str] = {}


@contextmanager
def locked(root: Path, timeout: float) -> Iterator[None]:
    """Hold the registry's lock; mend what a crashed command left. Raises `RegistryBusy`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise RegistryError(
            f"registry `{root}` cannot be written: {reason(error)}",
            "check its owner and permissions, or set `HOUSING_REGISTRY_PATH`",
        ) from error
    try:
        _acquire(handle, root, timeout)
        formats.check_registry(root)
        _recover(root)
        yield
    except OSError as error:
        raise RegistryError(
            f"registry `{root}` cannot be changed: {reason(error)}",
            "free space or mend the permissions, then run the command again: nothing is half-done",
        ) from error
    finally:
        os.close(handle)  # also gives the lock back


def writable(root: Path) -> bool:
    """Say whether this process may take the lock of the registry at `root`."""
    effective = os.access in os.supports_effective_ids
    return os.access(root, os.W_OK, effective_ids=effective)


def _acquire(handle: int, root: Path, timeout: float) -> None:
    try:
        wait_for_lock(handle, timeout, poll=0.01)
    except BlockingIOError:
        raise RegistryBusy(
            f"registry `{root}` has been locked by another command for {timeout:g} s",
            "wait for it to end, then try again",
        ) from None


def _recover(root: Path) -> None:
    journal = root / JOURNAL
    if journal.exists():
        try:
            plan = msgspec.json.decode(journal.read_bytes(), type=Plan)
        except msgspec.MsgspecError:
            raise RegistryError(
                f"`{journal}` was damaged after it was written",
                "remove it, then see with `housing registry verify` what is missing",
            ) from None
        _perform(root, plan)
    # Whoever holds the lock is alone: what is being built or removed now was left by a crash.
    for left in (root / "versions").glob(".*"):
        remove_tree(left, ignore_errors=True)


def commit(root: Path, plan: Plan) -> None:
    """Carry out `plan`, all of it or nothing, whatever happens meanwhile. Needs the lock."""
    numbered = root / formats.FILE
    if not numbered.exists():  # new, or last written by a program that knew no number
        _write(numbered, msgspec.json.encode({"format": formats.REGISTRY}) + b"\n")
    _write(root / JOURNAL, msgspec.json.encode(plan))
    _perform(root, plan)


def _perform(root: Path, plan: Plan) -> None:
    for source, target in plan.renames:
        if (root / source).exists():
            (root / source).rename(root / target)
            sync_directory((root / target).parent)
    if plan.lines:
        _extend_history(root / "history.jsonl", plan)
    for alias, version in plan.aliases.items():
        (root / "aliases").mkdir(exist_ok=True)
        _write(root / "aliases" / alias, f"{version}\n".encode())
    (root / JOURNAL).unlink()
    sync_directory(root)


def _extend_history(file: Path, plan: Plan) -> None:
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        os.ftruncate(handle, plan.history_size)  # what a torn attempt left
        data = "".join(f"{line}\n" for line in plan.lines).encode()
        offset = plan.history_size
        while data:
            written = os.pwrite(handle, data, offset)
            data, offset = data[written:], offset + written
        os.fsync(handle)
    finally:
        os.close(handle)
    # `sha256sum -c history.sha256` checks it too. The chain alone does not guard the last line.
    _write(file.with_name(DIGEST), digest_line(file.read_bytes()))


def digest_line(history: bytes) -> bytes:
    """Return the content of `history.sha256`."""
    return f"{sha256(history)}  history.jsonl\n".encode()


def chain(events: list[Event], previous: str) -> list[str]:
    """Return the history lines of `events`, each linked to the line before it."""
    lines = []
    for event in events:
        line = msgspec.json.encode(msgspec.structs.replace(event, prev=previous))
        previous = line_hash(line)
        lines.append(line.decode())
    return lines


def line_hash(line: bytes) -> str:
    """Return the SHA-256 of one history line without its newline."""
    return sha256(line)


def sha256(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex."""
    import hashlib  # loads OpenSSL, which listing versions can do without

    return hashlib.sha256(data).hexdigest()


def remove_tree(directory: Path, *, ignore_errors: bool = False) -> None:
    """Remove `directory` and all that is in it."""
    import shutil

    shutil.rmtree(directory, ignore_errors=ignore_errors)


def _write(path: Path, data: bytes) -> None:
    # Who holds the lock writes alone, and writes over what a crash left.
    replace_file(path, data, mark="new", durable=True)
