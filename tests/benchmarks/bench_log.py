"""Measure the prediction log: `python tests/benchmarks/bench_log.py --rows 1000000`.

Microseconds of `append` and `feedback` on the three back ends; then a csv log of `--rows`
predictions and half as many real prices: `feedback` for known and unknown ids, windows, memory.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from housing_cli.errors import UnknownPrediction
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.ids import Clock, IdSource
from tests.postgres import binaries, running
from tests.prediction_log.rows import BOSTON, ROW


def main() -> None:
    rows = int(sys.argv[sys.argv.index("--rows") + 1]) if "--rows" in sys.argv else 1_000_000
    with (
        tempfile.TemporaryDirectory(prefix="bench-log-") as root,
        running() if binaries() else nullcontext() as server,
    ):
        folder = Path(root)
        urls = [f"csv:{folder / 'small'}", f"sqlite:///{folder / 'small.db'}"]
        if server:
            urls.append(server.url())
        print(
            f"{'back end':12} {'1 row':>10} {'100 rows':>10} {'10,000 rows':>12} {'feedback':>10}"
        )
        for url in urls:
            _back_end(url)
        _large(folder / "large", rows)


def _median_us(work: Callable[[], object], count: int) -> float:
    took = []
    for _ in range(count):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return float(np.median(took)) * 1e6


def _back_end(url: str) -> None:
    log = open_log(url, BOSTON)
    ids = iter([one for _ in range(20) for one in log.append("v1", [ROW] * 100, [21.6] * 100)])
    one = _median_us(lambda: log.append("v1", [ROW], [21.623456789]), 5000)
    hundred = _median_us(lambda: log.append("v1", [ROW] * 100, [21.623456789] * 100), 200)
    many = _median_us(lambda: log.append("v1", [ROW] * 10_000, [21.623456789] * 10_000), 5)
    feedback = _median_us(lambda: log.feedback(next(ids), 24.5), 1500)
    name = url.partition(":")[0].partition("+")[0]
    print(f"{name:12} {one:7.1f} µs {hundred:7.0f} µs {many:9.0f} µs {feedback:7.1f} µs")
    log.close()


def generate(
    folder: Path, rows: int, houses: Sequence[tuple[str, str]] = (), delay_days: float = 1.0
) -> list[str]:
    """Write predictions 3 s apart; every other gets its price `delay_days` or so later. Return ids.

    houses: a line's end (features and predicted price) and its real price, of each house in turn;
    without them it is one house at different prices.
    """
    folder.mkdir(parents=True)
    source, clock = IdSource(), Clock()
    real, now = time.time_ns, (int(time.time()) - 3 * rows - 100_000) * 1000
    tail = "0.00632,18.0,2.31,,0.538,6.575,65.2,4.09,1.0,296.0,15.3,396.9,4.98"
    houses = houses or [(f"{tail},{15 + number / 37}", "24.5") for number in range(1000)]
    ids: list[str] = []
    waiting: list[tuple[int, str, str]] = []
    chance = np.random.default_rng(1)
    try:
        with (
            (folder / "predictions.csv").open("w") as predictions,
            (folder / "feedback.csv").open("w") as feedback,
        ):
            predictions.write("id,timestamp,model_version," + ",".join(BOSTON.features))
            predictions.write(",predicted_price\n")
            feedback.write("id,timestamp,real_price\n")
            for start in range(0, rows, 100_000):
                lines = []
                delays = (
                    (chance.exponential(86_400_000 * delay_days, 100_000) + 1000)
                    .astype(int)
                    .tolist()
                )
                for number in range(start, min(rows, start + 100_000)):
                    now += 3000
                    time.time_ns = lambda: now * 1_000_000  # noqa: B023
                    ms, (one,) = source.issue()
                    house, real_price = houses[number % len(houses)]
                    lines.append(f"{one},{clock.iso(ms)},v1,{house}\n")
                    ids.append(one)
                    if number % 2:
                        waiting.append((now + delays[number - start], one, real_price))
                predictions.writelines(lines)
                waiting.sort()
                due = next((n for n, (at, *_) in enumerate(waiting) if at > now), len(waiting))
                last = start + 100_000 >= rows
                ready = waiting if last else waiting[:due]
                feedback.writelines(f"{one},{clock.iso(at)},{price}\n" for at, one, price in ready)
                waiting = [] if last else waiting[due:]
    finally:
        time.time_ns = real
    return ids


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _large(folder: Path, rows: int) -> None:
    began = time.perf_counter()
    ids = generate(folder, rows)
    print(f"\ncsv log of {rows:,} predictions, generated in {time.perf_counter() - began:.0f} s")
    chance = np.random.default_rng(2)
    picked = [ids[place] for place in chance.integers(0, rows, 3000)]
    del ids
    before = _resident_mb()
    log = open_log(f"csv:{folder}", BOSTON)
    began = time.perf_counter()
    log.feedback(picked[0], 30.0)
    print(f"first feedback {(time.perf_counter() - began) * 1e3:.1f} ms")
    strangers = IdSource().issue(1)[1] + [
        one[:14] + "7" + one[15:35] + ("0" if one[35] != "0" else "1") for one in picked
    ]

    def unknown(one: str) -> None:
        try:
            log.feedback(one, 30.0)
        except UnknownPrediction:
            return
        raise AssertionError

    for name, work, keys in (
        ("known", lambda one: log.feedback(one, 30.0), picked),
        ("unknown", unknown, strangers),
    ):
        took = []
        for one in keys:
            began = time.perf_counter()
            work(one)
            took.append(time.perf_counter() - began)
        low, high = np.quantile(took, [0.5, 0.99]) * 1e3
        print(f"feedback, {name} ids: p50 {low:.3f} ms, p99 {high:.3f} ms")
    print(f"resident memory: {_resident_mb() - before:+.1f} MB by then")
    log.close()
    for text in ("labeled(newest=1000)", "predictions(newest=1000)", "labeled(newest=50_000)",
                 "labeled(version='v9', newest=1000)", "labeled()",
                 "labeled(features=False)"):  # fmt: skip
        _in_a_child(folder, text)


def _in_a_child(folder: Path, text: str) -> None:
    """Print time and peak memory of one question in a fresh process."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
import numpy
from housing_cli.prediction_log import open_log
from tests.prediction_log.rows import BOSTON
log = open_log("csv:{folder}", BOSTON)
def peak():
    text = open("/proc/self/status").read()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1e3
idle = peak()
began = time.perf_counter()
rows = len(log.{text})
took = time.perf_counter() - began
print(f"{text}: {{rows:,}} rows in {{took:.3f}} s, peak {{peak():.0f}} MB (idle {{idle:.0f}})")
"""
    os.execv(sys.executable, [sys.executable, "-c", code])


if __name__ == "__main__":
    main()
