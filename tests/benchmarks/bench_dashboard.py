"""Measure the page for operators: a cold look at a huge log, and `/predict` while pages are open.

Run: python -m tests.benchmarks.bench_dashboard [--rows 1000000] [--log csv|sqlite|postgres]
     python -m tests.benchmarks.bench_dashboard --load [--workers 2] (ten minutes; needs `wrk`)

Half of the rows have real prices, which came in a day or so later. A server that has been up for a
minute answers its first look: to the last byte, and until the verdict stands in headless Chromium.
Beside it: what the child costs that judges, and the server's own glance at the log. Ten million
rows take some minutes and 6 GB in TMPDIR.

With `--load` phases without and with five pages alternate; each page asks every ten seconds, and
the phase covers several children. Full speed is 16 connections of `wrk`; paced is one request
every 5 ms. On two cores the load generator holds one.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pandas as pd

from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import open_log
from tests.api.serving import ROW
from tests.benchmarks.bench_evaluate import PEAK, fill, option
from tests.benchmarks.bench_log import generate
from tests.benchmarks.bench_serve import write_endpoints
from tests.benchmarks.measured_server import SERVE, Server, train, verdict
from tests.conftest import SHIPPED
from tests.postgres import running
from tests.prediction_log.rows import BOSTON

LIMITS = {1_000_000: 1.0, 10_000_000: 1.5}
"""Seconds until the verdict is there, by rows."""
PAGES, EVERY = 5, 10.0
UP = 60.0
UNSEEN = 95.0
"""Seconds after which nobody looks any more, as the server takes it."""
PHASE = {"without": 30, "with": 65}
PAUSE = 0.005
CHILD = f"""
import os, sys
from housing_cli.cli import app
app(sys.argv[1:], prog_name="housing", standalone_mode=False)
sys.stdout.flush()
{PEAK}
times = os.times()
print(times.user + times.system, file=sys.stderr)
"""
PACED = r"""
import json, socket, sys, time
port, body, seconds, pause = int(sys.argv[1]), sys.argv[2].encode(), *map(float, sys.argv[3:])
request = (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
           b"content-length: %d\r\n\r\n" % len(body)) + body
connection = socket.create_connection(("127.0.0.1", port))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
times, end, due = [], time.perf_counter() + seconds, time.perf_counter()
while due < end:
    # Measured from when it was due: a request that waits for the one before it waited, too.
    time.sleep(max(0.0, due - time.perf_counter()))
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    times.append((time.perf_counter() - due) * 1000)
    due += pause
print(json.dumps(times))
"""


def houses(version: Path) -> list[tuple[str, str]]:
    """Return lines' ends and real prices of the shipped rows, priced by a version."""
    # An odd number of them, of which every other line is labeled: each house is, in turn.
    table = pd.read_csv(SHIPPED).sample(frac=1.0, random_state=1)[:505]
    features = table[list(BOSTON.features)].to_numpy(float)
    prices = CompiledModel((version / "model.onnx").read_bytes(), len(ROW)).score(features)
    texts = [
        ",".join("" if value != value else repr(value) for value in [*row, price])  # noqa: PLR0124
        for row, price in zip(features.tolist(), prices.tolist(), strict=True)
    ]
    return list(zip(texts, map(repr, table["MEDV"].tolist()), strict=True))


@contextmanager
def filled(kind: str, rows: int, folder: Path) -> Iterator[str]:
    """Yield the URL of a log of so many rows in `folder`, beside which v1 was trained."""
    place = folder / "log"
    generate(place, rows, houses(folder / "artifacts" / "versions" / "v1"))
    if kind == "csv":
        yield f"csv:{place}"
    elif kind == "sqlite":
        url = f"sqlite:///{folder / 'log.db'}"
        fill(url, place)
        yield url
    else:
        with running() as server:
            fill(server.url(), place, server)
            yield server.url()


def served(folder: Path, url: str, workers: int = 1) -> Server:
    """Start a server that no judgment was kept for."""
    temporary = tempfile.mkdtemp(dir=folder)
    return Server(
        folder, SERVE, HOUSING_LOG_URL=url, HOUSING_SERVE_WORKERS=str(workers), TMPDIR=temporary
    )


def child(folder: Path, url: str) -> None:
    """Print what `housing status --json` costs as a process."""
    program = folder / "child.py"  # DuckDB takes `python -c` for an interactive session
    program.write_text(CHILD)
    for _ in range(2):
        began = time.perf_counter()
        told = subprocess.run(
            [sys.executable, str(program), "status", "--json", "--set", f"log.url={url}"],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        took = time.perf_counter() - began
        peak, processor = told.stderr.split()[-2:]
        found = json.loads(told.stdout)["data"]
        print(
            f"housing status --json: {took:.1f} s, {float(processor):.1f} s of processor time, "
            f"{int(peak) / 1024:.0f} MB; {found['verdict']}, n {found['n']:,}"
        )


def glance(url: str) -> None:
    """Print what the server's own look at the log takes."""
    times, processor = [], []
    with closing(open_log(url, BOSTON)) as log:
        for _ in range(31):
            began, used = time.perf_counter(), time.process_time()
            found = log.glance(predictions=15, labeled=300)
            times.append((time.perf_counter() - began) * 1000)
            processor.append((time.process_time() - used) * 1000)
    print(
        f"glance, {len(found.predictions)} and {len(found.labeled)} rows: first {times[0]:.0f} ms, "
        f"then {statistics.median(times[1:]):.1f} ms, {statistics.median(processor[1:]):.1f} ms of "
        "processor time"
    )


def looked(folder: Path, url: str) -> tuple[float, str]:
    """Return the seconds of the first `GET /` of a server, a minute up, and its verdict."""
    server, took = served(folder, url), list[float]()
    try:
        time.sleep(UP)
        for when in ("first", "second"):
            used, began = server.cpu_seconds(), time.perf_counter()
            page = httpx.get(f"{server.url}/", timeout=60).raise_for_status().text
            took.append(time.perf_counter() - began)
            print(
                f"{when} GET /: {took[-1]:.3f} s, {server.cpu_seconds() - used:.2f} s of processor "
                f"time, {len(page) / 1024:.0f} KiB; server {server.memory_mb():.0f} MB"
            )
        return took[0], re.search(r'data-verdict="(\w+)"', page)[1]  # type: ignore[index]
    finally:
        server.stop()


def shown(folder: Path, url: str) -> tuple[float, str]:
    """Return the seconds until the verdict stands in a browser, and it; the server as above."""
    from playwright.sync_api import sync_playwright

    server = served(folder, url)
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.goto("about:blank")
            time.sleep(UP)
            began = time.perf_counter()
            page.goto(f"{server.url}/", wait_until="commit")
            page.locator("#verdict .word").wait_for(state="visible")
            took = time.perf_counter() - began
            paint = page.evaluate(
                "new Promise(done => new PerformanceObserver(list => done("
                "list.getEntries().at(-1).startTime)).observe("
                "{type: 'largest-contentful-paint', buffered: true}))"
            )
            print(f"in Chromium: {took:.3f} s, largest contentful paint at {paint / 1000:.3f} s")
            state = page.locator("#verdict").get_attribute("data-verdict")
            browser.close()
        return max(took, paint / 1000), str(state)
    finally:
        server.stop()


def wrk(server: Server, script: Path, seconds: int) -> tuple[float, float]:
    """Return p50 and p99 in ms of requests at full speed."""
    text = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", "-s", str(script),
         f"{server.url}/predict"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in text:
        raise RuntimeError(text)
    p50, p99 = (
        float(found[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[found[2]]
        for part in ("50%", "99%")
        if (found := re.search(rf"{part}\s+([\d.]+)(us|ms|s)", text))
    )
    return p50, p99


def paced(server: Server, seconds: int) -> tuple[float, float]:
    """Return p50 and p99 in ms of requests that come at their time."""
    text = subprocess.run(
        [sys.executable, "-c", PACED, str(server.port), json.dumps(ROW), str(seconds), str(PAUSE)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    p50, p99 = np.quantile(json.loads(text), [0.5, 0.99])
    return float(p50), float(p99)


@contextmanager
def open_pages(server: Server) -> Iterator[set[str]]:
    """Keep pages open; yield the times of the judgments that they show."""
    over, seen, took = threading.Event(), set[str](), list[float]()

    def page(number: int) -> None:
        over.wait(number * EVERY / PAGES)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            client.get("/").raise_for_status()
            while not over.wait(EVERY):
                began = time.perf_counter()
                text = client.get("/dashboard/now", headers={"HX-Request": "true"}).text
                took.append(time.perf_counter() - began)
                seen.update(re.findall(r'data-at="([^"]+)"', text))

    threads = [threading.Thread(target=page, args=(number,)) for number in range(PAGES)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()
        low, high = np.quantile(took, [0.5, 1.0])
        print(f"  {len(took)} refreshes of {PAGES} pages: p50 {low:.2f} s, longest {high:.2f} s")


def loaded(folder: Path, url: str, workers: int, rounds: int) -> None:
    """Compare `/predict` with and without open pages."""
    script = write_endpoints(folder)
    server = served(folder, url, workers)
    found: dict[str, list[tuple[float, float]]] = {}
    try:
        wrk(server, script, 5)
        for number in range(rounds):
            if number:
                time.sleep(UNSEEN)
            for phase, seconds in PHASE.items():
                if phase == "without":
                    ways = {"full speed": wrk(server, script, seconds)}
                    ways["paced"] = paced(server, seconds)
                else:
                    with open_pages(server) as seen:
                        ways = {"full speed": wrk(server, script, seconds)}
                        ways["paced"] = paced(server, seconds)
                    print(f"  judgments that were shown: {len(seen)}")
                for way, (p50, p99) in ways.items():
                    found.setdefault(f"{way}, {phase}", []).append((p50, p99))
                    print(f"{workers} worker(s), {way}, {phase} pages: {p50:.2f}, {p99:.2f} ms",
                          flush=True)  # fmt: skip
    finally:
        server.stop()
    for way in ("full speed", "paced"):
        with_, without = (
            np.median(found[f"{way}, {phase}"], axis=0) for phase in ("with", "without")
        )
        text = f"p99 of /predict with pages / without, {way}, {workers} worker(s)"
        verdict(text, with_[1] / without[1], 1.2, at_least=False)


def main() -> None:
    """Print what was measured, and a line for each target."""
    kind, rows = option("--log", "csv"), int(option("--rows", "1000000"))
    with tempfile.TemporaryDirectory(prefix="bench-dashboard-") as name:
        folder = Path(name)
        train(folder)
        with filled(kind, rows, folder) as url:
            os.chdir(folder)
            if "--load" in sys.argv:
                loaded(folder, url, int(option("--workers", "1")), int(option("--rounds", "2")))
                return
            print(f"{kind}, {rows:,} rows")
            child(folder, url)
            glance(url)
            for text, (seconds, state) in (
                ("whole answer", looked(folder, url)),
                ("verdict readable", shown(folder, url)),
            ):
                limit = LIMITS.get(rows, 1.5)
                verdict(f"s, {text} ({state}), {kind}", seconds, limit, at_least=False)


if __name__ == "__main__":
    main()
