"""The stage of `housing demo`: the shipped data in an empty directory, a server, and a market.

Rows are drawn in an order that never changes: 280 are learned from, and the others are sold later,
most of them after prices moved.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np

from housing_cli.config import Settings, load_settings
from housing_cli.data.shipped import NAME, shipped_table
from housing_cli.errors import HousingError, ServeError, UsageError
from housing_cli.files import reason

LEARNED, USUAL, MOVED = 280, 90, 70
"""Rows that v1 learns, that are sold at their prices, and that are sold after the move."""
MOVE = 1.3
_SEED = 7
_PATIENCE = 60.0


def check_settings(config: Path) -> None:
    """Raise `UsageError` for a settings file that would lead the demo to places of its own.

    A demo must never write into a registry or a log that is in use. Raises `ConfigError`, too.
    """
    found, usual = load_settings(config, environ={}), Settings()
    places = {"[data]": (found.data, usual.data), "[registry]": (found.registry, usual.registry),
              "[log]": (found.log, usual.log)}  # fmt: skip
    if own := [name for name, (one, other) in places.items() if one != other]:
        raise UsageError(
            f"`{config}` sets `{own[0]}`, and the demo has a table, a registry and a log of its "
            "own",
            "leave that section out, or go without `--config`",
        )


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[list[dict[str, float]]]:
    """Make `folder` the current directory, with a table to learn from; give the rows sold later.

    Settings of the environment do not count while it lasts. Raises `UsageError` for a folder that
    is not empty.
    """
    made = _empty(folder)
    header, *lines = shipped_table().splitlines()
    order = np.random.default_rng(_SEED).permutation(len(lines))
    known, later = order[:LEARNED], order[LEARNED:]
    before = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith("HOUSING_")}
    try:
        with contextlib.chdir(made):
            table = Path("data", NAME)
            table.parent.mkdir()
            table.write_text("\n".join([header, *(lines[k] for k in known)]) + "\n")
            yield [dict(zip(header.split(","), map(float, lines[k].split(",")), strict=True))
                   for k in later]  # fmt: skip
    finally:
        os.environ.update(before)


def _empty(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(
                f"`{folder}` is not empty, and nothing of yours should be mixed with a demo",
                "name a new directory: `housing demo --into housing-demo`",
            )
    except OSError as error:
        raise UsageError(
            f"`{folder}` cannot be used: {reason(error)}", "name a directory that you may write to"
        ) from error
    return folder


@dataclass
class Server:
    """A running `housing serve`, asked as its clients ask it."""

    process: subprocess.Popen[str]
    address: str = ""
    said: list[str] = field(default_factory=list)

    def sell(
        self, rows: Sequence[dict[str, float]], factor: float, progress: Callable[[int], None]
    ) -> None:
        """Ask for the price of each row, then send its real one times `factor`."""
        connection = HTTPConnection(self.address, timeout=_PATIENCE)
        with contextlib.closing(connection):
            for done, row in enumerate(rows, start=1):
                features = {name: value for name, value in row.items() if name != "MEDV"}
                told = self._call(connection, "/predict", features)
                price = {"id": told["id"], "real_price": round(row["MEDV"] * factor, 4)}
                self._call(connection, "/feedback", price)
                progress(done)

    def follow(self, version: str) -> None:
        """Wait until the server answers with `version`."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            connection = HTTPConnection(self.address, timeout=_PATIENCE)
            with contextlib.closing(connection):
                if self._call(connection, "/version", None)["version"] == version:
                    return
            time.sleep(0.05)
        raise ServeError(f"the server does not answer with {version}", "see `housing status`")

    def _call(self, connection: HTTPConnection, path: str, body: object) -> Any:
        try:
            if body is None:
                connection.request("GET", path)
            else:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise self._failed(f"{path} failed: {error}") from error
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise self._failed(f"{path} answered {answer.status}: {told}")
        return told

    def _failed(self, what: str) -> HousingError:
        last = self.said[-1].strip() if self.said else "it said nothing"
        return ServeError(f"the demo's server: {what}", f"its last line: {last}")


@contextlib.contextmanager
def serving(options: str = "") -> Iterator[Server]:
    """Run `housing serve` on a free port in the current directory, and end it afterwards.

    options: more of them, as one types them.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "housing_cli", "serve", "--port", "0", *shlex.split(options)],
        env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,  # Ctrl-C is this process's to pass on
    )  # fmt: skip
    server, found = Server(process), threading.Event()

    def read() -> None:
        for line in process.stderr or ():
            server.said.append(line)
            if match := re.search(r"serving on http://(\S+)", line):
                server.address = match[1]
                found.set()
        found.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        if not found.wait(_PATIENCE) or not server.address:
            raise server._failed("it did not start")
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(_PATIENCE)
