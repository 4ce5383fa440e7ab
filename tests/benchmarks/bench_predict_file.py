"""What `housing predict FILE` takes, beside the bare ONNX Runtime call on the same rows.

    python -m tests.benchmarks.bench_predict_file [--rows 200000] [--rounds 3]

Rows drawn from the columns of the shipped table, the default model of 300 trees. Bare is one
`session.run` of the served session on the matrix, which is in memory already: on one thread, as the
server has it. The command reads csv (or Parquet) and writes csv, on as many cores as there are. By
turns, in one process, and each round is a ratio of its own: on a busy machine both slow down. Then
a process alone, for the memory that it took at most, and the time with its start.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from housing_cli.config import Settings, load_settings
from housing_cli.loop.train import train
from housing_cli.model.compiled import prepared
from housing_cli.pricing.predict import load, price_table
from tests.conftest import FEATURES, SHIPPED


def table(rows: int) -> pd.DataFrame:
    """Return so many rows, each column drawn from the shipped one."""
    random, shipped = np.random.default_rng(0), pd.read_csv(SHIPPED)
    return pd.DataFrame({name: random.choice(shipped[name].to_numpy(), rows) for name in FEATURES})


def ratios(settings: Settings, folder: Path, matrix: np.ndarray, rounds: int) -> None:
    served = load(settings, "production")
    inputs = prepared(matrix)
    for number in range(rounds):
        begun = time.perf_counter()
        served.model.run(inputs)
        bare = time.perf_counter() - begun
        said = [f"round {number + 1}: bare {bare:.2f} s"]
        for name in ("table.csv", "table.parquet"):
            begun = time.perf_counter()
            done = price_table(settings, str(folder / name), folder / "prices.csv")
            taken = time.perf_counter() - begun
            assert done.rows == len(matrix)
            said.append(f"{name} {taken:.2f} s, {taken / bare:.2f} times")
        print("; ".join(said))


# What a process had at most while it was its parent's copy does not count.
CHILD = """
import atexit, sys
from pathlib import Path
from housing_cli.cli import main

def say():
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line for line in lines if line.startswith("VmHWM")), file=sys.stderr)

atexit.register(say)
main()
"""


def alone(folder: Path, rows: int) -> None:
    """Say what a process of its own takes."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", CHILD, "predict", "table.csv", "--out", "prices.csv"]
    here = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, cwd=folder, check=True, env=here, capture_output=True, text=True)
    taken = time.perf_counter() - begun
    most = int(done.stderr.split()[-2]) / 1000
    print(f"a process of its own: {taken:.1f} s, {rows / taken:,.0f} rows/s, at most {most:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overrides = {"data.path": str(SHIPPED), "registry.path": str(folder / "artifacts")}
        settings = load_settings(None, overrides, ["train.repeats=1"], {})
        train(settings)
        rows = table(asked.rows)
        text = io.StringIO()
        rows.to_csv(text, index=False)
        (folder / "table.csv").write_text(text.getvalue())
        with duckdb.connect() as database:
            database.from_df(rows).write_parquet(str(folder / "table.parquet"))
        ratios(settings, folder, rows.to_numpy(dtype=np.float64), asked.rounds)
        alone(folder, asked.rows)


if __name__ == "__main__":
    main()
