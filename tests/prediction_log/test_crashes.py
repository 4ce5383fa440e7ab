"""What is acknowledged survives `kill -9`, and the next writer goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.prediction_log import open_log
from tests.prediction_log.conftest import BACK_ENDS, fresh_url
from tests.prediction_log.rows import BOSTON, ROW

ROOT = Path(__file__).parents[2]


def _killed_writers(url: str, rounds: int) -> list[str]:
    """Return what pairs of writers acknowledged before they were killed at random moments."""
    acknowledged: list[str] = []
    chance = random.Random(7)
    for _ in range(rounds):
        writers = [_Writer(url), _Writer(url)]
        for writer in writers:
            writer.started.wait()
            time.sleep(chance.uniform(0, 0.08))
            writer.process.send_signal(signal.SIGKILL)
        for writer in writers:
            acknowledged += writer.end()
    return acknowledged


class _Writer:
    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.prediction_log.writers", url],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.lines: list[str] = []
        self.started = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self.started.set()
        self.started.set()

    def end(self) -> list[str]:
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return [line.strip() for line in self.lines if line.endswith("\n")]


@pytest.mark.slow
def test_a_killed_csv_writer_leaves_whole_lines_in_order(tmp_path: Path) -> None:
    acknowledged = _killed_writers(f"csv:{tmp_path}", 10)
    assert len(acknowledged) > 100
    log = open_log(f"csv:{tmp_path}", BOSTON)
    after = log.append("v2", [ROW], [1.5])
    log.feedback(after[0], 1.5)
    assert set(acknowledged) <= {row.id for row in log.served()} <= set(log.predictions().ids)
    served = pd.read_csv(tmp_path / "served.csv", on_bad_lines="error")
    assert len(served) == len(log.served())
    assert served["lower"].unique().tolist() == [18.5]
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    feedback = pd.read_csv(tmp_path / "feedback.csv")
    assert set(acknowledged) <= set(predictions["id"])
    assert predictions["id"].is_monotonic_increasing
    assert predictions["id"].is_unique
    assert predictions["predicted_price"].dtype == float
    assert set(feedback["id"]) <= set(predictions["id"])
    assert log.predictions().skipped == log.labeled().skipped == 0
    assert predictions["id"].iloc[-1] == after[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", BACK_ENDS)
def test_a_killed_writer_loses_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = fresh_url(kind, tmp_path, request)
    acknowledged = _killed_writers(url, 2)
    log = open_log(url, BOSTON)
    after = log.append("v2", [ROW], [1.5])
    assert set(acknowledged) <= {row.id for row in log.served()} <= set(log.predictions().ids)
    assert log.feedback(after[0], 2.0).outcome == "recorded"
    log.close()
