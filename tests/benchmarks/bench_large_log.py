"""Measure a server behind a huge csv log against one with an empty log.

Run: python -m tests.benchmarks.bench_large_log [ROWS]

Ten million predictions and half as many real prices take 3 GB in TMPDIR and some minutes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from housing_cli.prediction_log.ids import IdSource
from tests.api.serving import ROW
from tests.benchmarks.bench_log import generate
from tests.benchmarks.measured_server import SERVE, Server, train, verdict

ROUNDS = 5

POSTS = r"""
import json, socket, sys, time
port, status = int(sys.argv[1]), sys.argv[2].encode()
connection = socket.create_connection(("127.0.0.1", port))
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
times = []
for key in sys.stdin.read().split():
    body = b'{"id":"%b","real_price":30.5}' % key.encode()
    request = (b"POST /feedback HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
               b"content-length: %d\r\n\r\n" % len(body)) + body
    began = time.perf_counter()
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"}"):
        answer += connection.recv(4096)
    times.append(time.perf_counter() - began)
    assert answer.startswith(b"HTTP/1.1 " + status), answer
times.sort()
print(times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000)
"""


def feedback(server: Server, ids: list[str], status: int) -> tuple[float, float]:
    """Send a real price for each id; return the p50 and p99 in milliseconds."""
    text = subprocess.run(
        [sys.executable, "-c", POSTS, str(server.port), str(status)],
        input="\n".join(ids), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    p50, p99 = map(float, text.split())
    return p50, p99


def main(rows: int) -> None:
    """Compare a server behind a log of `rows` predictions with one behind an empty log."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train(folder)
        began = time.perf_counter()
        ids = generate(folder / "large", rows)
        print(f"a log of {rows:,} rows, generated in {time.perf_counter() - began:.0f} s")
        chance = np.random.default_rng(3)
        known = [ids[place] for place in chance.integers(0, rows, 4000)]
        del ids
        # Ids that nothing ever had: from now, and beside known ones.
        unknown = [one[:-1] + ("0" if one[-1] != "0" else "1") for one in known]
        unknown += IdSource().issue(500)[1]
        starts: dict[str, list[float]] = {"empty": [], "large": []}
        memory: dict[str, float] = {}
        latency: dict[str, tuple[float, float]] = {}
        for number in range(ROUNDS):
            for key, seconds in starts.items():
                log = f"csv:{folder / (key if key == 'large' else f'empty-{number}')}"
                server = Server(folder, SERVE, HOUSING_LOG_URL=log)
                seconds.append(server.start_seconds)
                if number == ROUNDS - 1:
                    answers = [
                        httpx.post(f"{server.url}/predict", json=ROW).json() for _ in range(100)
                    ]
                    own = [answer["id"] for answer in answers]
                    feedback(server, own, 200)
                    if key == "large":
                        latency["known"] = feedback(server, known, 200)
                        latency["unknown"] = feedback(server, unknown, 404)
                    else:
                        latency["empty log's"] = feedback(server, own * 40, 200)
                    memory[key] = server.memory_mb()
                server.stop()
    for key, (p50, p99) in latency.items():
        print(f"/feedback, {key} ids: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    start = {key: statistics.median(values) for key, values in starts.items()}
    print(f"start to ready, s: {start}; resident memory, MB: {memory}\n")
    for key in ("known", "unknown"):
        p99 = latency[key][1]
        verdict(f"p99 ms of /feedback, {key} ids", p99, 10, at_least=False)
    verdict("start, large log / empty log", start["large"] / start["empty"], 1.5, at_least=False)
    more = memory["large"] - memory["empty"]
    verdict("resident MB more than with an empty log", more, 30, at_least=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
