"""Measure the served path against an otherwise empty FastAPI endpoint, in one run.

Run: python -m tests.benchmarks.bench_serve (two minutes; needs `wrk`, from Debian's package of
that name).

Both servers run on uvicorn with uvloop and httptools, one worker, with the same request and
response models. Rounds alternate between them and the median of the rounds' ratios counts, so that
a busy machine disturbs both alike. The processor time a request is shown too: it hardly depends on
what else runs.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import joblib
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))
from housing_cli.model.compiled import CompiledModel
from tests.api.serving import ROW
from tests.benchmarks.measured_server import SERVE, Server, train, verdict
from tests.conftest import SHIPPED

ROUNDS = 5
SECONDS = 3

EMPTY = """
from fastapi import FastAPI
from housing_cli.api.http.models import PredictionAnswer, row_model
from housing_cli.config import Settings

app = FastAPI()


async def predict(body):
    return PredictionAnswer(
        predicted_price=21.6, id="01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70", model_version="v1",
        interval=(18.3, 25.9), coverage=0.9,
    )


predict.__annotations__["body"] = row_model(Settings().schema())
app.post("/predict", response_model=PredictionAnswer)(predict)


@app.get("/readyz")
async def readyz():
    return {}
"""
# What starts without the package's models: the fair empty application for start and memory.
BARE = """
from fastapi import FastAPI
from pydantic import create_model

Features = create_model("Features", **{f"f{i}": (float | None, ...) for i in range(13)})
app = FastAPI()


@app.post("/predict")
async def predict(body: Features) -> dict[str, float]:
    return {"predicted_price": 21.6}


@app.get("/readyz")
async def readyz():
    return {}
"""
# What a tutorial builds: 13 floats in, a price and an id out, and nothing behind it.
LEAN = """
from fastapi import FastAPI
from pydantic import BaseModel, create_model

Features = create_model("Features", **{name: (float, ...) for name in NAMES})


class Answer(BaseModel):
    predicted_price: float
    id: str


app = FastAPI()


@app.post("/predict")
async def predict(body: Features) -> Answer:
    return Answer(predicted_price=21.6, id="01981b0e-7f3c-7c9a-a3a1-4f2c3d5e6f70")


@app.get("/readyz")
async def readyz():
    return {}
"""
# Every row of the table in turn: one row again and again would keep the trees in the cache.
LUA = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local bodies, requests, next_one = {BODIES}, {}, 0
init = function()
    for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, nil, nil, body) end
end
request = function()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
"""


@dataclass(frozen=True)
class Load:
    """One run of the load generator; times in milliseconds, processor time in us a request."""

    per_second: float
    p50: float
    p99: float
    cpu: float


def write_endpoints(folder: Path) -> Path:
    """Write the applications that others are compared with; return the script for `wrk`."""
    (folder / "empty.py").write_text(EMPTY)
    (folder / "lean.py").write_text(f"NAMES = {list(ROW)}\n{LEAN}")
    (folder / "bare.py").write_text(BARE)
    bodies = pd.read_csv(SHIPPED)[list(ROW)].fillna(0.0).to_dict("records")
    listed = ", ".join(f"'{json.dumps(body)}'" for body in bodies)
    script = folder / "load.lua"
    script.write_text(LUA.replace("{BODIES}", f"{{{listed}}}"))
    return script


def speed_up(version: Path, model: CompiledModel) -> float:
    """Return how many times faster one row is scored than by scikit-learn's pipeline."""
    pipeline = joblib.load(version / "model.joblib")
    pipeline[-1].n_jobs = 1  # threads make a single row slower
    row = list(map(float, ROW.values()))
    table = pd.DataFrame([ROW]).to_numpy()
    times: dict[str, list[float]] = {"scikit-learn": [], "compiled": []}
    for _ in range(60):
        began = time.perf_counter()
        pipeline.predict(table)
        times["scikit-learn"].append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(50):
            model.score_few([row])
        times["compiled"].append((time.perf_counter() - began) / 50)
    slow, fast = (statistics.median(times[key]) for key in ("scikit-learn", "compiled"))
    print(f"one row: scikit-learn {slow * 1e3:.1f} ms, compiled {fast * 1e6:.0f} us")
    return slow / fast


def load(server: Server, script: Path, connections: int) -> Load:
    """Run `wrk` against `/predict`."""
    before = server.cpu_seconds()
    text = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", str(script),
         f"{server.url}/predict"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if "Non-2xx" in text:
        raise RuntimeError(text)
    requests = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
    return Load(
        float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),  # type: ignore[index]
        _milliseconds(text, "50%"),
        _milliseconds(text, "99%"),
        (server.cpu_seconds() - before) / requests * 1e6,
    )


def _milliseconds(text: str, line: str) -> float:
    number, unit = re.search(rf"{line}\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def compare(servers: dict[str, Server], script: Path, connections: int) -> dict[str, list[Load]]:
    """Alternate between the servers; print and return all loads."""
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            loads[name].append(load(server, script, connections))
    print(f"\n{connections} connections    req/s    p50 ms   p99 ms   cpu us/req")
    for name, runs in loads.items():
        middle = [
            statistics.median(getattr(run, key) for run in runs)
            for key in ("per_second", "p50", "p99", "cpu")
        ]
        print(f"{name:12} {middle[0]:10.0f} {middle[1]:9.2f} {middle[2]:8.2f} {middle[3]:9.0f}")
    return loads


def ratio(
    loads: dict[str, list[Load]], name: str, read: Callable[[Load], float], by: str = "empty"
) -> float:
    """Return the median over the rounds of a figure by that of the server `by`."""
    pairs = zip(loads[name], loads[by], strict=True)
    return statistics.median(read(one) / read(other) for one, other in pairs)


def batches(server: Server, model: CompiledModel) -> tuple[float, float]:
    """Return rows/s by those of the bare call, and p99 ms of single requests meanwhile."""
    table = np.random.default_rng(1).normal(size=(10_000, len(ROW))).round(4)
    rows = [dict(zip(ROW, row, strict=True)) for row in table.tolist()]
    body = json.dumps({"rows": rows}).encode()
    headers = {"content-type": "application/json"}
    array = table.astype(np.float32)
    session = model._session
    shares = []
    for _ in range(15):
        began = time.perf_counter()
        session.run(None, {session.get_inputs()[0].name: array})
        bare = time.perf_counter() - began
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        began = time.perf_counter()
        connection.request("POST", "/predict/batch", body, headers)
        answer = connection.getresponse()
        answer.read()
        shares.append(bare / (time.perf_counter() - began))
        connection.close()
        assert answer.status == 200
    stop = threading.Event()

    def without_pause() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as other:
            while not stop.is_set():
                other.post("/predict/batch", content=body, headers=headers)

    thread = threading.Thread(target=without_pause)
    thread.start()
    # A bare socket: the client's own time, in a process that sends batches, is not to count.
    single = subprocess.run(
        [sys.executable, "-c", SINGLES, str(server.port), json.dumps(ROW)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    stop.set()
    thread.join()
    return statistics.median(shares), float(single)


SINGLES = r"""
import socket, sys, time
port, body = int(sys.argv[1]), sys.argv[2].encode()
request = (b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
           b"content-length: %d\r\n\r\n" % len(body)) + body
connection = socket.create_connection(("127.0.0.1", port))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
times = []
for _ in range(1500):
    began = time.perf_counter()
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(4096)
    times.append(time.perf_counter() - began)
    time.sleep(0.002)
print(sorted(times)[int(len(times) * 0.99)] * 1000)
"""


def main() -> None:
    """Run everything and print a line for each target."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = write_endpoints(folder)
        version = train(folder)
        model = CompiledModel((version / "model.onnx").read_bytes(), len(ROW))
        faster = speed_up(version, model)
        options = "--no-access-log --loop uvloop --http httptools --port PORT"
        uvicorn = ["-m", "uvicorn", *options.split()]

        starts: dict[str, list[float]] = {"bare": [], "housing": []}
        memory: dict[str, float] = {}
        for _ in range(ROUNDS):
            for key, arguments in (("bare", [*uvicorn, "bare:app"]), ("housing", SERVE)):
                server = Server(folder, arguments)
                starts[key].append(server.start_seconds)
                memory[f"{key}, started"] = server.memory_mb()
                server.stop()

        servers = {
            "empty": Server(folder, [*uvicorn, "empty:app"]),
            "lean": Server(folder, [*uvicorn, "lean:app"]),
            "csv": Server(folder, SERVE, HOUSING_LOG_URL=f"csv:{folder / 'logs'}"),
            "sqlite": Server(folder, SERVE, HOUSING_LOG_URL=f"sqlite:///{folder / 'log.db'}"),
        }
        many = compare(servers, script, 16)
        one = compare(servers, script, 1)
        for key, server in servers.items():
            memory[f"{key}, under load"] = server.memory_mb()
        share, single = batches(servers["csv"], model)
        memory["csv, after batches"] = servers["csv"].memory_mb()
        for server in servers.values():
            server.stop()

    print("\nresident memory, MB: " + ", ".join(f"{key} {mb:.0f}" for key, mb in memory.items()))
    start = {key: statistics.median(values) for key, values in starts.items()}
    print(f"start to ready, s: empty {start['bare']:.2f}, housing {start['housing']:.2f}\n")

    def per_second(run: Load) -> float:
        return run.per_second

    def p50(run: Load) -> float:
        return run.p50

    def p99(run: Load) -> float:
        return run.p99

    started = start["housing"] / start["bare"]
    at_least = [
        ("throughput csv / empty, 16 connections", ratio(many, "csv", per_second), 0.8),
        ("throughput sqlite / empty, 16 connections", ratio(many, "sqlite", per_second), 0.65),
        ("throughput csv / lean, 16 connections", ratio(many, "csv", per_second, "lean"), 1.0),
        ("throughput sqlite / lean, 16", ratio(many, "sqlite", per_second, "lean"), 0.9),
        ("batch rows/s / bare call", share, 0.5),
        ("compiled model, one row / scikit-learn's pipeline", faster, 300.0),
    ]
    at_most = [
        ("p99 csv / empty, 16 connections", ratio(many, "csv", p99), 1.5),
        ("p50 csv / empty, 1 connection", ratio(one, "csv", p50), 1.4),
        ("p99 csv / lean, 16 connections", ratio(many, "csv", p99, "lean"), 1.3),
        ("p50 csv / lean, 1 connection", ratio(one, "csv", p50, "lean"), 1.25),
        ("p50 sqlite / lean, 1 connection", ratio(one, "sqlite", p50, "lean"), 1.6),
        ("p99 ms of single requests during batches", single, 25.0),
        ("start to ready / empty application", started, 1.5),
        ("resident MB of a worker under load", memory["csv, under load"], 110.0),
    ]
    for text, figure, limit in at_least:
        verdict(text, figure, limit, at_least=True)
    for text, figure, limit in at_most:
        verdict(text, figure, limit, at_least=False)


if __name__ == "__main__":
    main()
