"""What `housing evaluate` costs on a huge log: wall time and peak memory, as processes.

Run: python -m tests.benchmarks.bench_evaluate [--rows 10000000] [--only csv,sqlite,postgresql]

A log of `--rows` predictions and half as many real prices beside one of 3,000, on every back end:
the newest 1,000 labeled rows, a day, and everything; then the sums alone. Beside them stands, for
csv, DuckDB's bare scan and join of the two files, and for a database its own bare join, which
returns one row. Ten million rows take about ten minutes and 12 GB in TMPDIR.
"""

from __future__ import annotations

import csv
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import psycopg
import sqlalchemy as sa

from housing_cli.prediction_log import open_log
from tests.benchmarks.bench_log import generate
from tests.in_process import Loop, shuffled
from tests.postgres import PostgresServer, binaries, running
from tests.prediction_log.rows import BOSTON

# The peak of the command itself: what `wait4` tells includes the process that started it.
PEAK = """
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
"""
VERB = f"""
import sys
from housing_cli.cli import app
code = app(sys.argv[1:], prog_name="housing", standalone_mode=False)
{PEAK}
sys.exit(code)
"""
SCAN = f"""
import sys, duckdb
predictions, feedback = sys.argv[1:]
print(duckdb.sql(f'''
    WITH latest AS (
        SELECT id, arg_max(real_price, timestamp) AS real_price
        FROM read_csv('{{feedback}}') GROUP BY id
    )
    SELECT count(*), sqrt(avg((real_price - predicted_price) ** 2))
    FROM read_csv('{{predictions}}') JOIN latest USING (id)
''').fetchall())
{PEAK}
"""
SUMS = f"""
import sys
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.records import Knots, SumsQuery
from tests.prediction_log.rows import BOSTON
knots = Knots((15.0, 20.0, 25.0, 30.0), (-2.0, -3.0, -4.0, -5.0), (2.0, 3.0, 4.0, 5.0))
print(open_log(sys.argv[1], BOSTON).sums(SumsQuery(version="v1", knots=knots)).labeled.sum())
{PEAK}
"""
JOIN = """
    SELECT count(*), sum(f.real_price - p.predicted_price)
    FROM feedback f JOIN predictions p ON p.id = f.id WHERE f.model_version = 'v1'
"""
WINDOWS = ("1000", "1d", "9999d")


def timed(code: str, *words: str) -> tuple[float, float]:
    """Return seconds and peak resident MB of a Python process, the best of three runs."""
    found = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - began
        if done.returncode not in {0, 2}:
            raise SystemExit(done.stderr)
        found.append((took, int(done.stderr.splitlines()[-1]) / 1024))
    return min(found)


def evaluate(artifacts: Path, url: str, window: str) -> tuple[float, float]:
    """Measure one `housing evaluate`."""
    settings = {"registry.path": artifacts, "log.url": url}
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return timed(VERB, "evaluate", "--json", "--window", window, *sets)


def rows_of(folder: Path) -> tuple[Iterator[list[str | None]], Iterator[list[str | None]]]:
    """Return the rows of the two csv files as the tables take them."""

    def read(name: str) -> Iterator[list[str | None]]:
        with (folder / name).open(newline="") as file:
            lines = csv.reader(file)
            next(lines)
            for line in lines:
                yield [field or None for field in line]

    prices = ([key, "1", at, "v1", real] for key, at, real in read("feedback.csv"))
    return read("predictions.csv"), prices


def batched(rows: Iterator[list[str | None]], size: int) -> Iterator[list[list[str | None]]]:
    """Yield the rows in lists of `size`."""
    while found := list(islice(rows, size)):
        yield found


def fill(url: str, folder: Path, server: PostgresServer | None = None) -> None:
    """Copy the csv log in `folder` into the database that `url` names."""
    log = open_log(url, BOSTON)
    log.feedback(log.append("v0", [[None] * 13], [1.0])[0], 1.0)  # makes the tables
    log.close()
    predictions, prices = rows_of(folder)
    if server is None:
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            for rows in batched(predictions, 50_000):
                file.executemany(f"INSERT INTO predictions VALUES ({','.join('?' * 17)})", rows)
            for rows in batched(prices, 50_000):
                file.executemany("INSERT INTO feedback VALUES (?, ?, ?, ?, ?)", rows)
        return
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for table, lines in (("predictions", predictions), ("feedback", prices)):
            with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
                for rows in batched(lines, 10_000):
                    copy.write("".join(",".join(cell or "" for cell in row) + "\n" for row in rows))
        connection.execute("VACUUM ANALYZE")  # as the server does by itself, a little later


def joined(url: str) -> float:
    """Return seconds of the database's own join of all rows, the best of three runs."""
    found = []
    with sa.create_engine(url).connect() as connection:
        for _ in range(3):
            began = time.perf_counter()
            connection.exec_driver_sql(JOIN).all()
            found.append(time.perf_counter() - began)
    return min(found)


def main(rows: int, only: list[str]) -> None:
    """Print a table for each back end."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-evaluate-") as place,
        running() if "postgresql" in only and binaries() else nullcontext() as server,
    ):
        root = Path(place)
        Loop(root, shuffled(0)[:400])
        folders = {"small": root / "small", "large": root / "large"}
        generate(folders["small"], 3000)
        generate(folders["large"], rows)
        for kind in only:
            if kind == "postgresql" and server is None:
                continue
            urls = {}
            for size, folder in folders.items():
                if kind == "csv":
                    urls[size] = f"csv:{folder}"
                elif kind == "sqlite":
                    urls[size] = f"sqlite:///{root / f'{size}.db'}"
                    fill(urls[size], folder)
                elif server:
                    server.sql(f"CREATE DATABASE {size}_log")
                    urls[size] = server.url(f"{size}_log")
                    fill(urls[size], folder, server)
            print(f"\n| {kind}, window | 3,000 predictions | {rows:,} predictions | ratio |")
            print("| --- | --- | --- | --- |")
            for window in WINDOWS:
                a, b = (evaluate(root / "artifacts", urls[size], window) for size in folders)
                print(
                    f"| {window} | {a[0]:.2f} s, {a[1]:.0f} MB | {b[0]:.2f} s, {b[1]:.0f} MB | "
                    f"{b[0] / a[0]:.2f}, {b[1] / a[1]:.2f} |",
                    flush=True,
                )
            added = timed(SUMS, urls["large"])
            print(f"sums of everything: {added[0]:.2f} s, {added[1]:.0f} MB")
            if kind == "csv":
                files = [
                    str(folders["large"] / f"{name}.csv") for name in ("predictions", "feedback")
                ]
                scan = timed(SCAN, *files)
                print(f"DuckDB's scan and join: {scan[0]:.2f} s, {scan[1]:.0f} MB")
                print(f"everything / DuckDB: {b[0] / scan[0]:.2f} (target 1.5)", flush=True)
            else:
                bare = joined(urls["large"])
                print(f"the database's bare join: {bare:.2f} s")
                print(f"everything / bare join: {b[0] / bare:.2f}", flush=True)


def option(name: str, default: str) -> str:
    """Return the word after `name`."""
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


if __name__ == "__main__":
    main(int(option("--rows", "10000000")), option("--only", "csv,sqlite,postgresql").split(","))
