"""Measure what a shadow and a canary cost `/predict`, against the same server without, in one run.

Run: python -m tests.benchmarks.bench_trials [--rounds 5] (four minutes; needs `wrk`, from Debian's
package of that name)

Two versions of the shipped data, 300 trees each. All servers have one worker; rounds alternate
between them, and the median of the rounds' ratios counts. The processor time of a request is that
of the whole process, so that what a shadow does beside the answers is in it.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.measured_server import SERVE, Server, train, verdict
from tests.conftest import SHIPPED

SECONDS = 3
SCRIPT = """
local bodies = {%s}
local at = 0
request = function()
  at = at %% #bodies + 1
  return wrk.format("POST", "/predict", {["content-type"] = "application/json"}, bodies[at])
end
"""
TRIALS = {
    "without": (),
    "shadow": ("--to", "shadow"),
    "canary 10 %": ("--to", "canary", "--weight", "10"),
    "canary 50 %": ("--to", "canary", "--weight", "50"),
}


@dataclass(frozen=True)
class Round:
    """What one round of one server gave: requests a second, milliseconds, seconds of processor."""

    rate: float
    p50: float
    p99: float
    processor: float


def script(folder: Path) -> Path:
    """Write what wrk sends: the shipped rows, one after another."""
    table = pd.read_csv(SHIPPED).drop(columns="MEDV")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    bodies = ", ".join(f"[[{json.dumps(row)}]]" for row in rows)
    file = folder / "rows.lua"
    file.write_text(SCRIPT % bodies)
    return file


def measured(server: Server, connections: int, lua: Path) -> Round:
    """Load a server for `SECONDS`."""
    before = server.cpu_seconds()
    words = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{SECONDS}s",
        "--latency",
        "-s",
        str(lua),
        server.url,
    ]
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    used = server.cpu_seconds() - before
    assert "Non-2xx" not in text, text
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])  # type: ignore[index]
    return Round(rate, _latency(text, 50), _latency(text, 99), used / requests)


def _latency(text: str, percent: int) -> float:
    value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        base = Path(name) / "base"
        base.mkdir()
        train(base)
        train(base)
        lua = script(base)
        servers = {}
        for trial, words in TRIALS.items():
            folder = Path(name) / trial.replace(" ", "-").replace("%", "")
            shutil.copytree(base, folder)
            if words:
                promote = [sys.executable, "-m", "housing_cli", "promote", "v2", *words]
                subprocess.run(promote, cwd=folder, capture_output=True, check=True)
            servers[trial] = Server(folder, SERVE)
        try:
            for connections in (16, 1):
                _compare(servers, connections, lua, rounds)
            text = httpx.get(f"{servers['shadow'].url}/metrics").text
            print("\n".join(re.findall(r"housing_shadow_rows_total.*", text)))
        finally:
            for server in servers.values():
                server.stop()


def _compare(servers: dict[str, Server], connections: int, lua: Path, rounds: int) -> None:
    found: dict[str, list[Round]] = {trial: [] for trial in servers}
    for _ in range(rounds):
        for trial, server in servers.items():
            found[trial].append(measured(server, connections, lua))
    print(f"{connections} connections   requests/s   p50 ms   p99 ms   processor us")
    for trial, all_of_it in found.items():
        rate, p50, p99, processor = (
            statistics.median(getattr(one, name) for one in all_of_it)
            for name in ("rate", "p50", "p99", "processor")
        )
        print(f"  {trial:<14} {rate:>10.0f} {p50:>8.2f} {p99:>8.2f} {1e6 * processor:>14.0f}")
    for trial in list(found)[1:]:
        ratios = {
            name: [
                getattr(one, name) / getattr(usual, name)
                for one, usual in zip(found[trial], found["without"], strict=True)
            ]
            for name in ("processor", "p99")
        }
        most = {"processor": 1.25, "p99": 1.2} if trial == "shadow" else {}
        for name, values in ratios.items():
            middle = statistics.median(values)
            text = f"{trial}: {name} ({min(values):.2f} to {max(values):.2f} of that without)"
            if name in most and connections > 1:
                verdict(text, middle, most[name], at_least=False)
            else:
                print(f"        {text}: {middle:.2f}")


if __name__ == "__main__":
    main()
