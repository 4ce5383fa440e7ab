"""Several rows are all or none, whoever dies while they are written."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.csv.pending import Pending
from tests.prediction_log.csv.small import SMALL, add

ROWS = 5000
WRITER = f"""
import sys
from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import open_log
log = open_log(f"csv:{{sys.argv[1]}}", FeatureSchema({SMALL.features!r}, {SMALL.target!r}))
while True:
    log.append("v1", [[1.5, None]] * {ROWS}, [20.0] * {ROWS})
    print("written", flush=True)
"""


def test_a_note_is_of_one_file_and_ends(tmp_path: Path) -> None:
    note, other = Pending(tmp_path / "some.csv"), Pending(tmp_path / "some.csv")
    assert note.unfinished(7, 150) == 150
    note.begin(7, 100, 80)
    for pending in (note, other):
        assert pending.unfinished(7, 150) == 100
        assert pending.unfinished(7, 180) == 180  # all there
        assert pending.unfinished(7, 100) == 100
        assert pending.unfinished(7, 90) == 90  # truncated since
        assert pending.unfinished(8, 150) == 150  # another file of this name
    other.end()
    assert note.unfinished(7, 150) == 150
    for pending in (note, other):
        pending.close()


def half(fd: int, data: bytes) -> int:
    """Write half of what is to be written, as a process does that is killed meanwhile."""
    os.pwrite(fd, data[: len(data) // 2], os.fstat(fd).st_size)
    raise KeyboardInterrupt


def test_readers_stop_before_a_half_and_the_next_writer_cuts_it(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = add(log, 3)
    dying = open_log(f"csv:{tmp_path}", SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(KeyboardInterrupt):
            add(dying, 40)
    rest = b"".join((tmp_path / "predictions.csv").read_bytes().splitlines(keepends=True)[4:])
    assert rest.count(b"\n") > 10
    for newest in (None, 100):
        assert list(log.predictions(newest=newest).ids) == ids
    more = [*add(log, 1), *add(open_log(f"csv:{tmp_path}", SMALL), 2)]
    assert list(log.predictions().ids) == [*ids, *more]
    assert (tmp_path / "predictions.csv").read_bytes().count(b"\n") == 1 + 6
    aside = (tmp_path / "predictions.csv.torn").read_bytes()
    assert aside == rest + (b"" if rest.endswith(b"\n") else b"\n")


def test_a_note_that_its_writer_could_not_end_cuts_nothing_later(
    log: PredictionLog, tmp_path: Path
) -> None:
    """It was killed behind the last byte; then somebody empties the file, and it grows again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pending, "end", lambda _self: None)
        add(log, 40)
    other = open_log(f"csv:{tmp_path}", SMALL)
    add(other, 1)
    os.truncate(tmp_path / "predictions.csv", 0)
    ids = [add(log if number % 2 else other)[0] for number in range(45)]
    assert list(log.predictions().ids) == ids
    assert not (tmp_path / "predictions.csv.torn").exists()
    other.close()


def test_a_note_is_not_written_into_another_file(log: PredictionLog, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("what stands here stays here, whoever links to it")
    (tmp_path / ".predictions.csv.pending").symlink_to(other)
    with pytest.raises(LogUnavailable):
        add(log, 40)
    assert other.read_text().startswith("what stands here")


def test_a_batch_that_a_full_disk_cut_hides_nothing_later(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = add(log, 3)

    def full(fd: int, data: bytes) -> int:
        os.pwrite(fd, data[: len(data) // 2], os.fstat(fd).st_size)
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(LogUnavailable):
            add(log, 40)
    ids += [add(log, 1)[0] for _ in range(4)]
    assert list(log.predictions().ids) == ids


@pytest.mark.slow
def test_batches_are_whole_after_each_of_twelve_kills(tmp_path: Path) -> None:
    chance = random.Random(0)
    for _ in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.06))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        reader = open_log(f"csv:{tmp_path}", SMALL)
        found = reader.predictions()
        assert len(found) % ROWS == 0
        assert found.skipped == 0
        reader.close()
