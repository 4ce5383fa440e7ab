"""What `housing status --json` says, in a child process: the server imports nothing that learns.

All workers of a server share one file in the temporary directory of its user: whoever finds that a
judgment is due takes the lock beside it and starts the child, at most once a minute. So ten viewers
cost as much as one, and a server that starts again shows what is known at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from housing_cli import __version__
from housing_cli.config.memory import free_memory
from housing_cli.files import read_file, replace_file

if TYPE_CHECKING:
    from housing_cli.config import Settings

logger = logging.getLogger("housing.serve")

EVERY: Final = 60.0
"""Seconds between the beginnings of two judgments while somebody looks."""
UNSEEN: Final = 900.0
"""Seconds between them while nobody does: who is woken up finds one of the last quarter hour."""
FIRST: Final = 20.0
"""Seconds from the start of the server to its first judgment, if nobody looks before."""
LOOKED: Final = 90.0
"""Seconds for which somebody who asked once counts as looking."""
PATIENCE: Final = 1800.0
"""Seconds that a child may take; then it is ended. Beside a server that holds every core it gets a
few thousandths of them, and takes minutes."""
MEMORY: Final = 320 * 1024 * 1024
"""Bytes that a child takes at a million rows. Where a container has less, none is started: the
kernel may end all of a container whose memory is used up, and not the child alone."""
MOST_BYTES: Final = 32 * 1024 * 1024
STALE: Final = 180.0
"""Seconds after which a judgment is called old, beside three times what it took."""
_NEEDED: Final = ("pandas", "scipy", "sklearn", "joblib")
_FORMAT: Final = 1


class Snapshot(msgspec.Struct, frozen=True):
    """One judgment. began: epoch seconds; took: seconds; data: that of `housing status --json`.

    failure, hint: why there is none, or, beside `data`, why it is that of an earlier child, which
    began at `judged`.
    """

    began: float
    took: float
    judged: float = 0.0
    data: dict[str, Any] | None = None
    failure: str = ""
    hint: str = ""
    format: int = _FORMAT

    def age(self, now: float) -> float:
        """Return the seconds since what `data` says was so."""
        return max(0.0, now - (self.judged or self.began))

    def is_stale(self, now: float) -> bool:
        """Return whether a newer one should be there while somebody looks."""
        return self.age(now) > max(STALE, 3 * self.took + EVERY)


class Snapshots:
    """The newest judgment of the loop that `settings` name.

    carried: options with which a command comes to the same settings, such as `--config`, `w.toml`.
    """

    def __init__(self, settings: Settings, carried: Sequence[str] = ()) -> None:
        self._settings = settings
        self._carried = list(carried)
        self._file = _shared_file(settings, carried)
        self._mark: tuple[int, int, int] | None = None
        self._newest: Snapshot | None = None
        self._looked = -LOOKED
        self._child: asyncio.subprocess.Process | None = None
        self._wake = asyncio.Event()
        self.lacks = [name for name in _NEEDED if find_spec(name) is None]

    @property
    def running(self) -> bool:
        """Whether a child of this worker is at work."""
        return self._child is not None

    def look(self) -> Snapshot | None:
        """Return the newest judgment, and remember that somebody wants it."""
        self._looked = time.monotonic()
        self._wake.set()
        return self.newest()

    def newest(self) -> Snapshot | None:
        """Return the newest judgment, of whichever worker."""
        if self._file is None:
            return self._newest
        try:
            status = os.stat(self._file)  # noqa: PTH116
            mark = (status.st_mtime_ns, status.st_size, status.st_ino)
            if mark != self._mark:
                self._newest = msgspec.json.decode(read_file(self._file), type=Snapshot)
                self._mark = mark
        except (OSError, msgspec.MsgspecError):
            pass  # what was read before is as good as any
        return self._newest

    async def watch(self) -> None:
        """Have it judged when it is due, until canceled."""
        if self.lacks:
            return
        started = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout=1.0)
            self._wake.clear()
            try:
                if self._is_due(time.monotonic() - started):
                    await self._judge()
            except Exception as error:  # the page says how old it is; answers do not wait
                logger.warning("not_judged", extra={"reason": str(error)})
            await asyncio.sleep(0.5)

    def _is_due(self, up: float) -> bool:
        newest = self.newest()
        age = time.time() - newest.began if newest is not None else float("inf")
        if age < 0:  # the clock was set back
            return True
        seen = time.monotonic() - self._looked < LOOKED
        if seen:
            return age >= EVERY
        return age >= UNSEEN and up >= FIRST

    async def _judge(self) -> None:
        """Run the child, unless another worker's is at work."""
        with _locked(self._file) as mine:
            if not mine or not self._is_due(float("inf")):
                return
            before = self.newest()
            began, clock = time.time(), time.monotonic()
            free = free_memory()
            if free < MEMORY:
                found = Snapshot(began, 0.0, began, None, *_too_small(free))
            else:
                try:
                    out, failed = await self._run()
                except Exception as error:  # noted, so that the next try comes in a minute
                    out, failed = b"", str(error)
                found = _snapshot(began, time.monotonic() - clock, out, failed)
            if found.data is None and before is not None and before.data is not None:
                found = msgspec.structs.replace(
                    found, data=before.data, judged=before.judged or before.began
                )
            self._keep(found)

    def _keep(self, found: Snapshot) -> None:
        self._newest, self._mark = found, None
        if self._file is None:
            return
        try:
            replace_file(self._file, msgspec.json.encode(found))
        except OSError as error:
            logger.warning("judgment_not_shared", extra={"reason": str(error)})
            self._file = None

    async def _run(self) -> tuple[bytes, str]:
        """Return what the child wrote, and what went wrong."""
        words = [sys.executable, "-m", "housing_cli", "status", "--json", *self._carried]
        child = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **overrides(self._settings, self._carried)},
            limit=MOST_BYTES,
        )
        self._child = child
        _stand_back(child.pid)
        try:
            async with asyncio.timeout(PATIENCE):
                out, errors = await child.communicate()
        except TimeoutError:
            return b"", f"`housing status` took longer than {PATIENCE:g} s"
        finally:
            self._child = None
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        told = errors.decode(errors="replace").strip().splitlines()
        return out, told[-1] if child.returncode and told else ""


def _too_small(free: float) -> tuple[str, str]:
    """Return why nothing is judged in a container of `free` bytes, and what helps."""
    mib = 1024 * 1024
    return (
        f"the container has {free / mib:.0f} MiB of memory left, and a judgment needs "
        f"{MEMORY / mib:.0f}",
        "give it more, or run `housing status` elsewhere",
    )


def _snapshot(began: float, took: float, out: bytes, failed: str) -> Snapshot:
    """Make of what `housing status --json` wrote what the page shows."""
    try:
        told = msgspec.json.decode(out) if out else {}
        data, errors = told.get("data") or None, told.get("errors") or []
    except (msgspec.MsgspecError, AttributeError):
        data, errors = None, []
    first = errors[0] if errors else {}
    failure = first.get("message") or ("" if data else failed or "`housing status` said nothing")
    return Snapshot(began, took, began, data, failure, first.get("hint") or "")


def overrides(settings: Settings, carried: Sequence[str]) -> dict[str, str]:
    """Return the variables by which the child comes to the settings of this server.

    What the child would read anyway (file, variables, the options in `carried`) needs none: it is
    `--host` and its like that remain, and what a program gave to `create_app`.
    """
    from housing_cli.config import load_settings
    from housing_cli.config.sources import variable_of

    options = list(pairwise(carried))
    config = next((value for name, value in options if name == "--config"), None)
    sets = [value for name, value in options if name == "--set"]
    theirs: Mapping[str, Any] = msgspec.to_builtins(load_settings(config, {}, sets))
    own: Mapping[str, Any] = msgspec.to_builtins(settings)
    found = {}
    for section, values in own.items():
        for key, value in values.items():
            if value is not None and value != theirs[section][key] and section != "api":
                name, text = variable_of(section, key, value)
                found[name] = text
    return found


def _stand_back(pid: int) -> None:
    """Let the child give way to whoever answers, and be the first to go where memory ends.

    Linux gives an idle process a core that nobody wants, and a fifth of what `nice 19` gets of a
    busy one: with that p99 of `/predict` at full load was 1.3 times what it is without a child.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, pid, 19)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def _shared_file(settings: Settings, carried: Sequence[str]) -> Path | None:
    """Return where the judgment is kept; `None` where there is no place that is ours alone."""
    told = msgspec.to_builtins(settings)
    asked = [told[name] for name in ("data", "registry", "log", "evaluate", "promote")]
    words = msgspec.json.encode([os.getcwd(), __version__, list(carried), asked])  # noqa: PTH109
    name = hashlib.sha256(words).hexdigest()[:24]
    try:
        folder = Path(tempfile.gettempdir(), f"housing-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        ours = status.st_uid == os.getuid() and not status.st_mode & 0o077
        return folder / f"status-{name}.json" if ours and folder.is_dir() else None
    except OSError:
        return None


@contextlib.contextmanager
def _locked(file: Path | None) -> Any:
    """Give whether the lock beside `file` was free; hold it meanwhile. Without a file it is."""
    if file is None:
        yield True
        return
    file.parent.mkdir(mode=0o700, exist_ok=True)  # somebody may have tidied up
    handle = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)
