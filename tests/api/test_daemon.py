"""Threads that hold no exit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from housing_cli.api.daemon import in_daemon


def test_what_it_returns_and_raises_comes_back() -> None:
    async def main() -> tuple[str, bool]:
        named = await in_daemon("here", lambda: threading.current_thread().name)
        daemon = await in_daemon("here", lambda: threading.current_thread().daemon)
        with pytest.raises(ZeroDivisionError):
            await in_daemon("here", lambda: 1 // 0)
        return named, daemon

    assert asyncio.run(main()) == ("here", True)


def test_who_was_canceled_is_not_told() -> None:
    async def main() -> None:
        go = threading.Event()
        waiting = asyncio.ensure_future(in_daemon("late", go.wait))
        await asyncio.sleep(0)
        waiting.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0.05)  # its answer comes, and is dropped

    asyncio.run(main())


def test_one_that_hangs_holds_no_exit() -> None:
    script = (
        "import asyncio, threading\n"
        "from housing_cli.api.daemon import in_daemon\n"
        "async def main():\n"
        "    asyncio.ensure_future(in_daemon('hangs', threading.Event().wait))\n"
        "    await asyncio.sleep(0.1)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == 0
