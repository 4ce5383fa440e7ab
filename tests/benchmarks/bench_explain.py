"""What an explanation costs: `python -m tests.benchmarks.bench_explain [--trees 300] [--rows 50]`.

A forest of the shipped data, explained row by row: by the library (its processor time, too, which a
busy machine does not change), by the package `shap` (compiled C, one thread), and by a server over
HTTP, from the first request on, which reads the trees. Then predictions of one client, alone and
beside another one that asks for explanations without a pause; and what a worker holds in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import joblib
import numpy as np

from housing_cli.api.explainer import load_explainer
from housing_cli.api.served import load_served
from housing_cli.config import Settings, load_settings
from housing_cli.data.table import read_table
from housing_cli.loop.train import train
from housing_cli.registry import PIPELINE_FILE, open_reader
from tests.conftest import SHIPPED


def times(work: Callable[[int], object], count: int, clock: Callable[[], float]) -> np.ndarray:
    """Return the milliseconds (count,) of each call."""
    found = []
    for number in range(count):
        began = clock()
        work(number)
        found.append(1e3 * (clock() - began))
    return np.array(found)


def said(what: str, found: np.ndarray) -> None:
    print(f"{what:48} p50 {np.median(found):8.2f} ms   p95 {np.quantile(found, 0.95):8.2f} ms")


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[int, int]]:
    """Start `housing serve` in `folder`; give its port and process."""
    command = [sys.executable, "-m", "housing_cli", "serve", "--port", "0"]
    running = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    try:
        for line in running.stderr:
            if "http://" in line:
                port = int(line.split("http://")[1].split(":")[1].split()[0].strip("/,. "))
                break
        threading.Thread(target=running.stderr.read, daemon=True).start()
        yield port, running.pid
    finally:
        running.terminate()
        running.wait()


def client(port: int) -> Callable[[str, bytes], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def post(path: str, body: bytes) -> bytes:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content

    return post


def memory(process: int) -> float:
    """Return the megabytes that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def library(settings: Settings, rows: np.ndarray) -> None:
    registry = open_reader(settings)
    served = load_served(registry, "v1")
    began = time.perf_counter()
    explainer = load_explainer(registry, served.version, served.model)
    print(f"{'reading the trees':48} {1e3 * (time.perf_counter() - began):12.2f} ms")
    for clock in (time.perf_counter, time.process_time):
        found = times(lambda k: explainer.explain(rows[k : k + 1]), len(rows), clock)
        said(f"one row, {clock.__name__}", found)
    pipeline = joblib.load(served.version.directory / PIPELINE_FILE)
    from shap import TreeExplainer

    other = TreeExplainer(pipeline["regressor"], feature_perturbation="tree_path_dependent")
    encoded = pipeline[0].transform(rows)
    found = times(lambda k: other.shap_values(encoded[k : k + 1]), len(rows), time.perf_counter)
    said("one row, `shap`", found)
    values = np.abs(explainer.explain(rows).contributions - other.shap_values(encoded))
    print(f"{'largest difference from `shap`':48} {values.max():12.2g}")


def over_http(folder: Path, bodies: list[bytes]) -> None:
    with server(folder) as (port, process):
        post, count = client(port), len(bodies)

        def predictions() -> np.ndarray:
            return times(lambda k: post("/predict", bodies[k % count]), 500, time.perf_counter)

        alone = predictions()
        before = memory(process)
        first = times(lambda k: post("/explain", bodies[k]), 1, time.perf_counter)
        said("/explain, the first", first)
        found = times(lambda k: post("/explain", bodies[k]), count, time.perf_counter)
        said("/explain", found)
        print(f"{'memory of the worker, before and after':48} {before:8.1f} {memory(process):8.1f}")
        said("/predict before all that", alone)
        said("/predict after it", predictions())
        stop = threading.Event()

        def explain_on() -> None:
            other = client(port)
            while not stop.is_set():
                other("/explain", bodies[0])

        beside = threading.Thread(target=explain_on)
        beside.start()
        said("/predict beside /explain without a pause", predictions())
        stop.set()
        beside.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--rows", type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        given = {"data.path": str(SHIPPED), "registry.path": str(folder / "artifacts")}
        small = [f"model.params.n_estimators={args.trees}", "train.repeats=1"]
        settings = load_settings(None, given, small, {})
        train(settings)
        table = read_table(SHIPPED, settings.schema())
        rows = table.features[:: max(1, len(table) // args.rows)][: args.rows]
        names = settings.schema().features
        given_rows = np.where(np.isnan(rows), None, rows)  # type: ignore[call-overload]
        bodies = [
            json.dumps(dict(zip(names, row, strict=True))).encode() for row in given_rows.tolist()
        ]
        library(settings, rows)
        over_http(folder, bodies)


if __name__ == "__main__":
    main()
