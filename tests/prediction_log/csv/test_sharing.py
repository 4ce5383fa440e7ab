"""Readers, threads and forks beside a writer."""

from __future__ import annotations

import io
import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.prediction_log import PredictionLog, open_log
from tests.prediction_log.csv.small import SMALL, add


def _append_for(url: str, seconds: float) -> int:
    log = open_log(url, SMALL)
    end = time.monotonic() + seconds
    written = 0
    while time.monotonic() < end:
        ids = add(log, 30)
        log.feedback(ids[0], 2.0)
        written += 30
    return written


@pytest.mark.slow
def test_readers_see_whole_rows_while_others_write(tmp_path: Path) -> None:
    url = f"csv:{tmp_path}"
    log = open_log(url, SMALL)
    add(log)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        writers = [pool.submit(_append_for, url, 1.0) for _ in range(2)]
        before = 0
        while not all(writer.done() for writer in writers):
            # The system shows a write page by page: the last line may be still without its end.
            text = (tmp_path / "predictions.csv").read_bytes()
            whole = io.BytesIO(text[: text.rindex(b"\n") + 1])
            frame = pd.read_csv(whole, on_bad_lines="error")
            assert frame["id"].is_monotonic_increasing
            seen = log.predictions()
            assert seen.skipped == 0
            assert before <= len(seen)
            before = len(seen)
            assert log.labeled(newest=100).skipped == 0
    assert len(log.predictions()) == 1 + sum(writer.result() for writer in writers)


def test_a_forked_process_takes_a_lock_of_its_own(log: PredictionLog, tmp_path: Path) -> None:
    add(log)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            for _ in range(200):
                add(log, 3)
            os._exit(0)
        children.append(child)
    for _ in range(200):
        add(log, 3)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert len(frame) == 1 + 4 * 600
    assert frame["id"].is_unique
    assert frame["id"].is_monotonic_increasing


def test_a_thread_may_look_while_another_appends(log: PredictionLog) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            add(log, 5)

    thread = threading.Thread(target=write)
    add(log)
    thread.start()
    try:
        for _ in range(50):
            assert log.predictions(newest=10).skipped == 0
    finally:
        stop.set()
        thread.join()
