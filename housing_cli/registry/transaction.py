"""Several changes to the registry as one: written down first, then done, redone after a crash.

A `Plan` is committed by the rename that makes it `.journal.json`. From then on the changes happen,
now or when the next command opens the registry: each step does nothing where it was done already.
A server is no command, and never does it.

Nothing is written through a symbolic link: whoever may write here, but nowhere else, could let a
command of someone else write there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from housing_cli.errors import RegistryBusy, RegistryError
from housing_cli.files import read_file, reason, replace_file, sync_directory, wait_for_lock
from housing_cli.registry import formats
from housing_cli.registry.digests import DIGEST, digest_line
from housing_cli.registry.names import SIGNATURES, VERSION_NAME, statement_file
from housing_cli.registry.plan import Plan, parse_plan
from housing_cli.registry.signatures import alias_line

JOURNAL = ".journal.json"
LOCK = ".lock"
HISTORY = "history.jsonl"
_OURS = (JOURNAL, HISTORY, DIGEST, formats.FILE, "versions", "aliases", SIGNATURES)
_LEFT = (".building-v*", ".removed-v*")


@contextmanager
def locked(root: Path, timeout: float) -> Iterator[None]:
    """Hold the registry's lock; mend what a crashed command left. Raises `RegistryBusy`."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(root / LOCK, flags, 0o666)
    except OSError as error:
        raise RegistryError(
            f"registry `{root}` cannot be written: {reason(error)}",
            "check its owner and permissions, or set `HOUSING_REGISTRY_PATH`",
        ) from error
    try:
        _acquire(handle, root, timeout)
        formats.check_registry(root)
        _refuse_links(root)
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
    paths = [root, root / LOCK] if (root / LOCK).exists() else [root]
    return all(os.access(path, os.W_OK, effective_ids=effective) for path in paths)


def _acquire(handle: int, root: Path, timeout: float) -> None:
    try:
        wait_for_lock(handle, timeout, poll=0.01)
    except BlockingIOError:
        raise RegistryBusy(
            f"registry `{root}` has been locked by another command for {timeout:g} s",
            "wait for it to end, then try again",
        ) from None


def _refuse_links(root: Path, names: Iterable[str] = _OURS) -> None:
    for path in (root / name for name in names):
        if path.is_symlink():
            raise RegistryError(
                f"`{path}` is a symbolic link, and the registry writes through none",
                "put the file or directory itself there; `registry.path` itself may be a link",
            )


def _recover(root: Path) -> None:
    journal = root / JOURNAL
    if journal.exists():
        history = root / HISTORY
        there = read_file(history) if history.exists() else b""
        plan = parse_plan(read_file(journal), there, journal)
        _refuse_links(root, dict(plan.renames))
        _perform(root, plan)
    # Whoever holds the lock is alone: what is being built or removed now was left by a crash.
    for pattern in _LEFT:
        for left in (root / "versions").glob(pattern):
            remove_tree(left, ignore_errors=True)


def commit(root: Path, plan: Plan) -> None:
    """Carry out `plan`, all of it or nothing, whatever happens meanwhile. Needs the lock."""
    _refuse_links(root, dict(plan.renames))
    numbered = root / formats.FILE
    if not numbered.exists():  # new, or last written by a program that knew no number
        _write(numbered, msgspec.json.encode({"format": formats.REGISTRY}) + b"\n")
    _write(root / JOURNAL, msgspec.json.encode(plan))
    _perform(root, plan)


def _perform(root: Path, plan: Plan) -> None:
    # First what tells of a version, then the version: whoever sees it without a lock, such as a
    # server, finds it in the history.
    if plan.lines:
        _extend_history(root / HISTORY, plan)
    for source, target in plan.renames:
        if (root / source).exists():
            (root / source).rename(root / target)
            sync_directory((root / target).parent)
    # First who signs for the move, then the move, then away with who signed for the one before: a
    # server finds a signature whenever it looks.
    for alias, statement in plan.statements.items():
        (root / SIGNATURES).mkdir(exist_ok=True)
        _write(root / SIGNATURES / statement_file(alias, plan.aliases[alias]), statement.encode())
    for alias, version in plan.aliases.items():
        (root / "aliases").mkdir(exist_ok=True)
        _write(root / "aliases" / alias, alias_line(version))
        kept = statement_file(alias, version) if alias in plan.statements else ""
        for path in _statements_of(root, alias):
            if path.name != kept:
                path.unlink()
    for alias in plan.ended:
        (root / "aliases" / alias).unlink(missing_ok=True)
        for path in _statements_of(root, alias):
            path.unlink()
    (root / JOURNAL).unlink()
    sync_directory(root)


def _statements_of(root: Path, alias: str) -> list[Path]:
    """Return the files that sign that `alias` names something."""
    pattern = re.compile(re.escape(statement_file(alias, "@")).replace("@", VERSION_NAME.pattern))
    folder = root / SIGNATURES
    return [path for path in folder.glob("*") if pattern.fullmatch(path.name)]


def _extend_history(file: Path, plan: Plan) -> None:
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
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
    _write(file.with_name(DIGEST), digest_line(read_file(file)))


def remove_tree(directory: Path, *, ignore_errors: bool = False) -> None:
    """Remove `directory` and all that is in it."""
    import shutil

    shutil.rmtree(directory, ignore_errors=ignore_errors)


def _write(path: Path, data: bytes) -> None:
    # Who holds the lock writes alone, and writes over what a crash left.
    replace_file(path, data, mark="new", durable=True)
