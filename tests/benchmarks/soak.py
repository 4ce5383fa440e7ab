"""Soak the server: `python tests/benchmarks/soak.py` (ten minutes; `--seconds 180` for less).

Clients predict, label, send batches and read the metrics at full speed from two workers, while
another process promotes back and forth every second and a worker is killed every 20 s. At the end
there was no 5xx, every acknowledged row is in the csv files, and memory is flat.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.conftest import FEATURES, QUICK, SHIPPED
from tests.system.processes import Server, housing, serving

ROW = dict.fromkeys(FEATURES, 1.5)
CLIENTS = 6
PER_CONNECTION = 200
FLAT = 1.10
"""Memory at the end may be this much of what it was after warming up, and a bit for noise."""
NOISE_MB = 5.0

PROMOTE = """
import itertools, sys, time
from housing_cli.config import load_settings
from housing_cli.loop.promote import promote
for name in itertools.cycle(("v2", "v1")):
    promote(load_settings(), name, force=True, reason="soak")
    print(name, flush=True)
    time.sleep(1)
"""


@dataclass
class Report:
    """What a soak saw."""

    seconds: float
    statuses: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    kills: int = 0
    promotions: int = 0
    versions: set[str] = field(default_factory=set)
    predicted: dict[str, float] = field(default_factory=dict)
    labeled: dict[str, float] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    missing: int = 0
    wrong: int = 0
    memory: list[tuple[float, float]] = field(default_factory=list)
    exit_code: int | None = None

    def problems(self) -> list[str]:
        """Return what must not be."""
        found = []
        bad = {key: n for key, n in self.statuses.items() if not key.endswith(" 200")}
        if bad:
            found.append(f"answers other than 200: {bad}")
        if self.missing or self.wrong:
            found.append(f"{self.missing} acknowledged rows missing, {self.wrong} wrong")
        if self.broken > self.kills * CLIENTS:
            found.append(f"{self.broken} broken connections for {self.kills} kills")
        if self.versions != {"v1", "v2"}:
            found.append(f"only {self.versions} answered")
        if self.exit_code != 0:
            found.append(f"exit code {self.exit_code}")
        early, late = self.plateaus()
        if late > early * FLAT + NOISE_MB:
            found.append(f"memory grew from {early:.0f} to {late:.0f} MB")
        return found

    def plateaus(self) -> tuple[float, float]:
        """Return the workers' highest memory in the second and in the last quarter."""

        def highest(low: float, high: float) -> float:
            start, end = self.seconds * low, self.seconds * high
            return max((mb for at, mb in self.memory if start <= at <= end), default=0.0)

        return highest(0.25, 0.5), highest(0.75, 1.0)

    def show(self) -> str:
        """Return the report as text."""
        early, late = self.plateaus()
        total = sum(self.statuses.values())
        lines = [
            f"{self.seconds:.0f} s, {total:,} answers ({total / self.seconds:,.0f}/s): "
            + ", ".join(f"{key}: {n:,}" for key, n in sorted(self.statuses.items())),
            f"{self.kills} workers killed, {self.broken} connections died with them; "
            f"{self.promotions} promotions",
            f"{len(self.predicted):,} predictions and {len(self.labeled):,} real prices "
            f"acknowledged: {self.missing} missing, {self.wrong} wrong",
            f"memory of a worker: {early:.1f} MB in the second quarter, {late:.1f} in the last",
            *(f"PROBLEM: {problem}" for problem in self.problems()),
        ]
        return "\n".join(lines)


class Client(threading.Thread):
    """Sends mixed requests without pause, over a new connection now and then."""

    def __init__(self, server: Server, report: Report, stop: threading.Event) -> None:
        super().__init__()
        self.url, self.report, self.stop = server.client.base_url, report, stop
        self.statuses: Counter[str] = Counter()
        self.predicted: dict[str, float] = {}
        self.labeled: dict[str, float] = {}
        self.versions: set[str] = set()
        self.price = 1.0
        self.pending = ""

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                with httpx.Client(base_url=self.url, timeout=30) as client:
                    for number in range(PER_CONNECTION):
                        self.one(client, number)
                        if self.stop.is_set():
                            break
            except httpx.TransportError:
                self.report.broken += 1
                if self.pending:  # a price whose answer died: it may have been written or not
                    self.report.unsure.add(self.pending)
                    self.pending = ""

    def one(self, client: httpx.Client, number: int) -> None:
        if number % 50 == 10:
            made = self.ask(client, "/predict/batch", {"rows": [ROW] * 100})
            rows = made["predictions"] if made else []
        elif number % 50 == 20:
            self.statuses[f"/metrics {client.get('/metrics').status_code}"] += 1
            rows = []
        else:
            one = self.ask(client, "/predict", ROW)
            rows = [one] if one else []
        for row in rows:
            self.predicted[row["id"]] = row["predicted_price"]
            self.versions.add(row["model_version"])
        if rows and number % 2:
            self.price += 1
            self.pending = key = rows[-1]["id"]
            if self.ask(client, "/feedback", {"id": key, "real_price": self.price}):
                self.labeled[key] = self.price
            self.pending = ""

    def ask(self, client: httpx.Client, path: str, body: object) -> dict[str, Any] | None:
        answer = client.post(path, json=body)
        self.statuses[f"{path} {answer.status_code}"] += 1
        return answer.json() if answer.status_code == 200 else None


def workers_of(server: Server) -> list[int]:
    """Return the ids of the worker processes."""
    parent = server.process.pid
    found = []
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
        except FileNotFoundError:
            continue
    return found


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process, 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(folder: Path, seconds: float, kill_every: float = 20.0) -> Report:
    """Soak a server over the registry in `folder`, which has v1 and v2; return what was seen."""
    report = Report(seconds)
    stop = threading.Event()
    with serving(folder, "--workers", "2") as server:
        clients = [Client(server, report, stop) for _ in range(CLIENTS)]
        began = time.monotonic()
        promoting = subprocess.Popen(
            [sys.executable, "-c", PROMOTE], cwd=folder, stdout=subprocess.PIPE, text=True
        )
        for client in clients:
            client.start()
        next_kill = kill_every
        try:
            while (now := time.monotonic() - began) < seconds:
                report.memory += [(now, resident_mb(pid)) for pid in workers_of(server)]
                if now >= next_kill and len(workers := workers_of(server)) == 2:
                    os.kill(workers[report.kills % 2], signal.SIGKILL)
                    report.kills += 1
                    next_kill += kill_every
                time.sleep(0.25)
        finally:
            stop.set()
            for client in clients:
                client.join()
            promoting.kill()
            assert promoting.stdout is not None
            report.promotions = len(promoting.stdout.read().split())
            promoting.wait()
        report.seconds = time.monotonic() - began
        report.exit_code = server.stop()
    for client in clients:
        report.statuses += client.statuses
        report.predicted |= client.predicted
        report.labeled |= client.labeled
        report.versions |= client.versions
    _compare(folder / "logs", report)
    return report


def _compare(logs: Path, report: Report) -> None:
    """Look every acknowledged id and price up in the csv files."""
    table = pd.read_csv(logs / "predictions.csv")
    assert table["id"].is_unique
    for acknowledged, logged in (
        (report.predicted, dict(zip(table["id"], table["predicted_price"], strict=True))),
        (report.labeled, _last_prices(logs)),
    ):
        for key, price in acknowledged.items():
            found = logged.get(key)
            report.missing += found is None
            report.wrong += found is not None and found != price and key not in report.unsure


def _last_prices(logs: Path) -> dict[str, float]:
    table = pd.read_csv(logs / "feedback.csv")
    return dict(zip(table["id"], table["real_price"], strict=True))


def main() -> int:
    """Train two small models, soak, print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kill-every", type=float, default=20)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="housing-soak-"))
    try:
        for seed in ("1", "2"):
            table = ("train", "--data-path", SHIPPED, "--seed", seed)
            done = housing(*table, *QUICK, cwd=folder)
            assert done.code == 0, done.stderr
        report = soak(folder, options.seconds, options.kill_every)
        print(report.show())
        print(json.dumps({"problems": report.problems()}))
    finally:
        shutil.rmtree(folder)
    return 1 if report.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
