"""Soak a server over a log that meets one fault after the other.

Run: python -m tests.benchmarks.bench_soak [--minutes 10] [--log csv|postgresql] [--json FILE]
(as root, which may mount small disks; PostgreSQL must be installed for its log).

Two workers; single rows, batches of 100 and real prices at full speed, `/healthz` and `/metrics`
beside them. A worker is killed every 15 s, another version is promoted every second. The log is
frozen, its disk is full, it is frozen again, and fails over: each for a thirtieth of the run (20 s
of ten minutes), as in the fault matrix (`tests/system/faults/places.py`).

In the end each acknowledged row is looked up in the log: lost (not there), wrong (other features or
another price), doubled (there twice). The exit code is 1 where a row is, where something failed
while nothing was wrong, where `/healthz` or `/metrics` failed without a kill, or where no
prediction was answered for longer than a fault and `LATE_S`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from housing_cli.prediction_log import open_log
from tests.benchmarks.fleet import Fleet, Seen
from tests.benchmarks.soak import PROMOTE, resident_mb, workers_of
from tests.conftest import QUICK, SHIPPED
from tests.system.faults.places import PLACES, SCHEMA, Place
from tests.system.processes import housing

FAULTS = ((0.10, "frozen"), (0.32, "full"), (0.54, "frozen"), (0.76, "failed_over"))
"""When each begins, as a part of the run."""
LASTS = 1 / 30
KILL_EVERY_S = 15.0
LATE_S = 5.0
"""So much longer than a fault may be without a 200."""
WIDTH = 80
DISK = "256m"
"""Room for a run at full speed, and soon filled."""


@dataclass
class Fault:
    """One fault of a run: seconds since the start; first_ok: seconds from its end to a 200."""

    name: str
    began: float
    ended: float
    gap: float = 0.0
    first_ok: float = 0.0


@dataclass
class Compared:
    """What the log holds of what was acknowledged, and of what was not."""

    rows: int
    lost: int
    wrong: int
    doubled: int
    doubtful: int
    doubtful_kept: int
    never_sent: int
    labels_lost: int
    labels_wrong: int


@dataclass
class Report:
    """What a run saw."""

    log: str
    seconds: float = 0.0
    kills: int = 0
    promotions: int = 0
    faults: list[Fault] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    exit_code: int | None = None
    tracebacks: int = 0

    def quarters(self) -> list[tuple[float, float]]:
        """Return mean and highest resident memory (MB) of all processes in each quarter."""
        parts: list[list[float]] = [[] for _ in range(4)]
        for at, mb in self.memory:
            parts[min(int(4 * at / self.seconds), 3)].append(mb)
        return [(float(np.mean(part)), max(part)) for part in parts if part]


def tree_mb(parent: int) -> float:
    """Return the resident memory of a process and all below it."""
    try:
        below = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return 0.0
    return resident_mb(parent) + sum(tree_mb(int(child)) for child in below)


def soak(place: Place, seconds: float) -> tuple[Report, Seen]:
    """Run the server and its clients over `place`, which meets all faults."""
    report = Report(place.kind)
    lasts = max(seconds * LASTS, 3.0)
    plan = [(part * seconds, name) for part, name in FAULTS]
    with place.serving() as server, Fleet(server) as fleet, _promoting(place.folder) as lines:
        watch = _Watch(fleet, report)
        for at, name in plan:
            watch.until(at)
            fleet.begin(name)
            began = fleet.now()
            with getattr(place, name)(fleet):
                watch.until(fleet.now() + lasts)
            report.faults.append(Fault(name, began, fleet.now()))
            fleet.end()
        watch.until(seconds)
        report.seconds = fleet.now()
        report.promotions = len(lines)
        fleet.__exit__()
        report.exit_code = server.stop()
        report.tracebacks = "".join(server.output).count("Traceback")
    for fault in report.faults:
        _measure(fault, fleet.seen.gaps)
    return report, fleet.seen


def _measure(fault: Fault, gaps: list[tuple[float, float]]) -> None:
    for begin, end in gaps:
        if begin < fault.ended + LATE_S and end > fault.began:
            fault.gap = max(fault.gap, end - begin)
            if begin <= fault.ended < end:
                fault.first_ok = end - fault.ended


class _Watch:
    """Samples memory and kills workers while time passes."""

    def __init__(self, fleet: Fleet, report: Report) -> None:
        self.fleet, self.report = fleet, report
        self.next_kill = KILL_EVERY_S

    def until(self, end: float) -> None:
        server, report = self.fleet.server, self.report
        while (now := self.fleet.now()) < end:
            report.memory.append((now, tree_mb(server.process.pid)))
            if now >= self.next_kill and len(workers := workers_of(server)) == 2:
                self.fleet.killed()
                os.kill(workers[report.kills % 2], signal.SIGKILL)
                report.kills += 1
                self.next_kill += KILL_EVERY_S
            time.sleep(0.25)


class _promoting:  # noqa: N801, a context manager that reads as a verb
    """Another process that promotes back and forth; its lines are the promotions."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "promoted"
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROMOTE], cwd=folder, stdout=file, stderr=file
            )

    def __enter__(self) -> _promoting:
        return self

    def __len__(self) -> int:
        return len(self.output.read_text().split())

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def compare(url: str, seen: Seen) -> Compared:
    """Look up in the log at `url` what was acknowledged."""
    log = open_log(url, SCHEMA)
    try:
        rows, labeled = log.predictions(), log.labeled()
    finally:
        log.close()
    numbers = rows.features[:, 0].astype(int)
    as_sent = (rows.features[:, 1] == numbers / 2) & np.isnan(rows.features[:, 2:]).all(axis=1)
    made = dict(
        zip(rows.ids, zip(numbers.tolist(), rows.predicted.tolist(), as_sent, strict=True),
            strict=True)
    )  # fmt: skip
    real = dict(zip(labeled.ids, labeled.real.tolist(), strict=True))
    known = [(made[key], one) for key, one in seen.promised.items() if key in made]
    others = {one[0] for key, one in made.items() if key not in seen.promised}
    return Compared(
        rows=len(rows),
        lost=len(seen.promised) - len(known),
        wrong=sum(found[:2] != one or not found[2] for found, one in known),
        doubled=rows.repeated + len(rows) - len(set(numbers.tolist())) + seen.acknowledged_twice,
        doubtful=len(seen.doubtful),
        doubtful_kept=len(others & seen.doubtful),
        never_sent=len(others - seen.doubtful),
        labels_lost=len(seen.labels.keys() - real.keys()),
        labels_wrong=sum(real.get(key, price) != price for key, price in seen.labels.items()),
    )


def problems(report: Report, seen: Seen, found: Compared) -> list[str]:
    """Return what must not be."""
    bad = [
        f"{name}: {n}"
        for name in ("lost", "wrong", "doubled", "never_sent", "labels_lost", "labels_wrong")
        if (n := getattr(found, name))
    ]
    for (cause, path, status, reason), n in seen.failures.items():
        if cause == "nothing" or (path in {"/healthz", "/metrics"} and status):
            bad.append(f"{n} x {status} of {path} while {cause}: {reason}")
    bad += [
        f"no 200 for {fault.gap:.1f} s around {fault.name}"
        for fault in report.faults
        if fault.gap > fault.ended - fault.began + LATE_S
    ]
    if report.exit_code or report.tracebacks:
        bad.append(f"exit code {report.exit_code}, {report.tracebacks} tracebacks")
    return bad


def show(report: Report, seen: Seen, found: Compared) -> str:
    """Return the figures as text of 80 columns."""
    quarters = report.quarters()
    longest = max((end - begin for begin, end in seen.gaps), default=0.0)
    lines = [
        f"{report.log}: {report.seconds:.0f} s, {sum(seen.answers.values()):,} answers; "
        f"{report.kills} workers killed, {report.promotions} promotions",
        f"predictions  {len(seen.promised):,} acknowledged: {found.lost} lost, "
        f"{found.doubled} doubled, {found.wrong} wrong",
        f"real prices  {len(seen.labels):,} acknowledged: {found.labels_lost} lost, "
        f"{found.labels_wrong} wrong",
        f"without 200  {found.doubtful:,} rows, of which {found.doubtful_kept:,} are in the log",
        "memory, MB   " + "   ".join(f"{mean:.0f} (max {high:.0f})" for mean, high in quarters),
        f"longest time without a 200: {longest:.1f} s",
        "",
        "fault         began  lasted  longest without 200  first 200 after its end",
        *(
            f"{one.name:12} {one.began:5.0f} s {one.ended - one.began:5.1f} s"
            f" {one.gap:18.1f} s {one.first_ok:23.1f} s"
            for one in report.faults
        ),
    ]
    lines += ["", "     n  status  while              reason"]
    causes: Counter[tuple[str, int, str]] = Counter()
    for (cause, _, status, reason), n in seen.failures.items():
        causes[cause, status, reason] += n
    for (cause, status, reason), n in sorted(causes.items()):
        lines.append(f"{n:6}  {status or 'broken':6}  {cause:17}  {reason}"[:WIDTH])
    lines += [f"PROBLEM: {problem}" for problem in problems(report, seen, found)]
    return "\n".join(lines)


def as_json(report: Report, seen: Seen, found: Compared) -> dict[str, Any]:
    """Return all figures."""
    failures = [[*key, n] for key, n in sorted(seen.failures.items())]
    return {
        **{key: value for key, value in asdict(report).items() if key != "memory"},
        "memory_mb": report.quarters(),
        "acknowledged": len(seen.promised),
        "labels": len(seen.labels),
        **asdict(found),
        "answers": seen.answers,
        "failures": failures,
        "longest_gap": max((end - begin for begin, end in seen.gaps), default=0.0),
        "problems": problems(report, seen, found),
    }


def main() -> int:
    """Train two small models, soak, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--log", choices=sorted(PLACES), default="csv")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="housing-soak-") as name, ExitStack() as stack:
        for seed in ("1", "2"):
            words = ("train", "--data-path", SHIPPED, "--seed", seed, *QUICK)
            done = housing(*words, cwd=Path(name))
            assert done.code == 0, done.stderr
        kind = PLACES[options.log]
        kind.disk = DISK
        place = kind(Path(name), stack)
        report, seen = soak(place, options.minutes * 60)
        found = compare(place.owner_url, seen)
    print(show(report, seen, found))
    if options.json:
        options.json.write_text(json.dumps(as_json(report, seen, found), indent=1))
    return 1 if problems(report, seen, found) else 0


if __name__ == "__main__":
    sys.exit(main())
