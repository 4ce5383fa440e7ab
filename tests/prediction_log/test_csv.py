"""What only the csv files do: healing, full disks, rotation, huge files, readers meanwhile."""

from __future__ import annotations

import errno
import fcntl
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.errors import LogSchemaMismatch, LogUnavailable, UnknownPrediction
from housing_cli.prediction_log import (
    PredictionLog,
    csv_join,
    csv_log,
    csv_scan,
    csv_window,
    open_log,
)
from housing_cli.prediction_log.csv_reader import LineReader
from housing_cli.prediction_log.ids import Clock, IdSource
from housing_cli.schemas import FeatureSchema
from tests.prediction_log.rows import BOSTON, ROW

SMALL = FeatureSchema(("RM", "LSTAT"), "MEDV")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    opened = open_log(f"csv:{tmp_path}", SMALL)
    yield opened
    opened.close()


def _add(log: PredictionLog, count: int = 1, version: str = "v1") -> list[str]:
    return log.append(version, [[6.5, None]] * count, [21.5 + number for number in range(count)])


def test_the_files_are_plain_csv(tmp_path: Path) -> None:
    log = open_log(f"csv:{tmp_path}", BOSTON)
    (one,) = log.append("v1", [ROW], [24.0])
    log.feedback(one, 23.5)
    lines = (tmp_path / "predictions.csv").read_bytes().split(b"\n")
    assert (
        lines[0].decode()
        == "id,timestamp,model_version," + ",".join(BOSTON.features) + ",predicted_price"
    )
    fields = lines[1].decode().split(",")
    assert fields[0] == one
    assert STAMP.fullmatch(fields[1])
    assert fields[2:] == ["v1", "0.00632", "18.0", "2.31", "", "0.538", "6.575", "65.2", "4.09",
                          "1.0", "296.0", "15.3", "396.9", "4.98", "24.0"]  # fmt: skip
    assert lines[2:] == [b""]
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert frame.columns.tolist() == ["id", "timestamp", "model_version", *BOSTON.features,
                                      "predicted_price"]  # fmt: skip
    assert frame["CHAS"].isna().all()
    feedback = (tmp_path / "feedback.csv").read_text().splitlines()
    assert feedback[0] == "id,timestamp,real_price"
    assert re.fullmatch(one + "," + STAMP.pattern + r",23\.5", feedback[1])
    log.close()


def test_the_same_price_again_adds_no_line(log: PredictionLog, tmp_path: Path) -> None:
    (one,) = _add(log)
    for price in (20.0, 20.0, 21.0, 21.0, 20.0):
        log.feedback(one, price)
    prices = pd.read_csv(tmp_path / "feedback.csv")["real_price"].tolist()
    assert prices == [20.0, 21.0, 20.0]


def test_every_torn_end_is_healed(tmp_path: Path) -> None:
    """Cut the file at every byte of its last row: whole rows stay, and the next one follows."""
    first = open_log(f"csv:{tmp_path / 'whole'}", SMALL)
    ids = _add(first, 3)
    first.close()
    whole = (tmp_path / "whole" / "predictions.csv").read_bytes()
    begin = whole[:-1].rfind(b"\n") + 1
    path = tmp_path / "torn" / "predictions.csv"
    path.parent.mkdir()
    for cut in range(begin, len(whole)):
        path.write_bytes(whole[:cut])
        before = open_log(f"csv:{path.parent}", SMALL)
        assert list(before.predictions().ids) == ids[:2]  # readers leave a torn line alone
        (new,) = _add(before)
        kept = pd.read_csv(path)["id"].tolist()
        complete = (
            re.search(rb",\d+\.?\d*$", whole[begin:cut]) and whole[begin:cut].count(b",") == 5
        )
        assert kept == [*ids[:2], *([ids[2]] if complete else []), new]
        assert path.read_bytes().startswith(whole[:begin])
        before.close()


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    header = b"id,timestamp,model_version,RM,LSTAT,predicted_price\n"
    for cut in range(len(header)):
        path.write_bytes(header[:cut])
        log = open_log(f"csv:{tmp_path}", SMALL)
        assert len(log.predictions()) == 0
        log.check()
        _add(log)
        assert path.read_bytes().startswith(header)
        assert len(log.predictions()) == 1
        log.close()


def test_feedback_heals_too(log: PredictionLog, tmp_path: Path) -> None:
    ids = _add(log, 2)
    log.feedback(ids[0], 20.25)
    with (tmp_path / "feedback.csv").open("ab") as file:
        file.write(ids[1].encode() + b",2026-01-31T12:00")
    assert log.feedback(ids[1], 30.0).outcome == "recorded"
    frame = pd.read_csv(tmp_path / "feedback.csv")
    assert frame["real_price"].tolist() == [20.25, 30.0]


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """No file can grow beyond `size`: writes fall short, and then fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_batch_that_does_not_fit_leaves_nothing(log: PredictionLog, tmp_path: Path) -> None:
    ids = _add(log, 10)
    path = tmp_path / "predictions.csv"
    before = path.read_bytes()
    with _file_size_limit(len(before) + 250):
        for _ in range(3):
            with pytest.raises(LogUnavailable, match="too large"):
                _add(log, 5)
            assert path.read_bytes() == before
        (fits,) = _add(log)
        with pytest.raises(LogUnavailable):
            _add(log, 3)
    after = _add(log, 5)
    assert pd.read_csv(path)["id"].tolist() == [*ids, fits, *after]


def test_a_real_full_disk_is_survived(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=64k tmpfs {disk} 2>/dev/null"):
        pytest.skip("no right to mount a small disk")
    try:
        log = open_log(f"csv:{disk}", SMALL)
        ids: list[str] = []
        with pytest.raises(LogUnavailable, match="No space left"):
            while True:
                ids += _add(log, 7)
        assert len(ids) > 100
        with pytest.raises(LogUnavailable, match="space"):
            log.check()
        os.system(f"mount -o remount,size=8m {disk}")
        log.check()
        ids += _add(log, 7)
        assert pd.read_csv(disk / "predictions.csv")["id"].tolist() == ids
        log.close()
    finally:
        os.system(f"umount {disk}")


def test_a_file_in_place_of_the_directory_is_unavailable_until_it_goes(tmp_path: Path) -> None:
    place = tmp_path / "logs"
    place.write_text("")
    log = open_log(f"csv:{place}", SMALL)
    for use in (log.check, lambda: _add(log)):
        with pytest.raises(LogUnavailable) as caught:
            use()
        assert "logs" in caught.value.message
        assert caught.value.hint
    place.unlink()
    log.check()
    assert not place.exists()  # a check creates nothing
    _add(log)
    assert len(log.predictions()) == 1


DENIED = """
import os, sys
from pathlib import Path
import housing_cli.prediction_log.csv_log  # nobody may not read where it lies
from housing_cli.errors import LogUnavailable
from housing_cli.prediction_log import open_log
from housing_cli.schemas import FeatureSchema

folder = Path(sys.argv[1])
os.chmod(folder, 0o555)
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 0)  # root may write everywhere; come back below
log = open_log(f"csv:{folder}", FeatureSchema(("a",), "b"))
for use in (log.check, lambda: log.append("v1", [[1.0]], [2.0])):
    try:
        use()
    except LogUnavailable as error:
        print(error.message)
os.seteuid(os.getresuid()[2])
os.chmod(folder, 0o777)
log.check()
print(len(log.append("v1", [[1.0]], [2.0])))
"""


def test_a_directory_without_write_permission_is_unavailable() -> None:
    # In a process of its own, which may become nobody; below /tmp, where nobody may look.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        logs = Path(folder, "logs")
        logs.mkdir()
        words = [sys.executable, "-c", DENIED, str(logs)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, written = done.stdout.splitlines()
    assert "written" in first or "ermission" in first
    assert "written" in second or "ermission" in second
    assert written == "1"


@pytest.mark.parametrize("way", ["rename", "delete", "truncate", "whole directory"])
def test_rotation_is_noticed(log: PredictionLog, tmp_path: Path, way: str) -> None:
    old = _add(log, 3)
    log.feedback(old[0], 5.0)
    path = tmp_path / "predictions.csv"
    if way == "rename":
        path.rename(tmp_path / "predictions.csv.1")
    elif way == "delete":
        path.unlink()
    elif way == "truncate":
        os.truncate(path, 0)
    else:
        tmp_path.rename(tmp_path.with_name("moved"))
    new = _add(log, 2)
    assert new[0] > old[-1]
    assert pd.read_csv(path)["id"].tolist() == new
    assert log.feedback(new[1], 7.0).outcome == "recorded"
    assert list(log.labeled().ids) == [new[1]]
    with pytest.raises(UnknownPrediction):
        log.feedback(old[1], 5.0)
    if way == "whole directory":
        tmp_path.with_name("moved").rename(tmp_path.with_name("moved-away"))


def test_the_lock_of_a_stuck_process_makes_the_log_unavailable(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_log, "PATIENCE_S", 0.05)
    _add(log)
    with (tmp_path / "predictions.csv").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert len(log.predictions()) == 1  # readers take no lock
        with pytest.raises(LogUnavailable, match="lock"):
            _add(log)
    assert len(_add(log)) == 1


def test_ids_of_several_writers_ascend_though_a_clock_is_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (open_log(f"csv:{tmp_path}", SMALL) for _ in range(2))
    ids = _add(one, 2)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 60_000_000_000)
    ids += _add(two, 2)
    monkeypatch.undo()
    ids += _add(one, 1) + _add(two, 1)
    assert ids == sorted(ids)
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert frame["id"].tolist() == ids
    assert frame["timestamp"].is_monotonic_increasing


def test_broken_lines_in_the_middle_are_skipped_and_counted(
    log: PredictionLog, tmp_path: Path
) -> None:
    ids = _add(log, 4)
    for one in ids:
        log.feedback(one, 9.0)
    for name, broken in (
        ("predictions.csv", [b"\0" * 300, b"nonsense", ids[0].encode() + b",,v1,1,2"]),
        ("feedback.csv", [b"\0" * 70, ids[0].encode() + b",2026-01-31T12:00:00.000Z,dear"]),
    ):
        lines = (tmp_path / name).read_bytes().split(b"\n")
        lines[3:3] = broken
        (tmp_path / name).write_bytes(b"\n".join(lines))
    found = log.labeled()
    assert list(found.ids) == ids
    assert found.skipped == 5
    assert list(log.labeled(newest=2).ids) == ids[-2:]
    assert log.predictions().skipped >= 3
    assert log.feedback(ids[2], 9.0).outcome == "unchanged"
    more = _add(log)
    assert log.feedback(more[0], 9.0).outcome == "recorded"


def test_feedback_for_a_broken_row_is_unknown(log: PredictionLog, tmp_path: Path) -> None:
    ids = _add(log, 3)
    path = tmp_path / "predictions.csv"
    path.write_text(path.read_text().replace("22.5", "dear"))
    with pytest.raises(UnknownPrediction):
        log.feedback(ids[1], 4.0)


def test_a_hand_edited_log_is_read(log: PredictionLog, tmp_path: Path) -> None:
    """A spreadsheet writes CRLF, whole numbers and no final newline."""
    ids = _add(log, 4)
    path = tmp_path / "predictions.csv"
    text = path.read_text().replace("21.5", "21").replace("\n", "\r\n").rstrip()
    path.write_text(text, newline="")
    log.feedback(ids[1], 3.0)
    more = _add(log)
    assert list(log.predictions().ids) == ids + more
    assert log.labeled().real.tolist() == [3.0]


def test_a_row_slightly_out_of_order_is_found(log: PredictionLog, tmp_path: Path) -> None:
    ids = _add(log, 2000)
    path = tmp_path / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    lines[901:1001] = lines[901:1001][::-1]
    path.write_text("".join(lines))
    for one in ids[890:1010]:
        log.feedback(one, 2.0)


def test_a_log_of_an_older_tool_is_read(tmp_path: Path) -> None:
    """Other ids than version 7 UUIDs, no `schema.json`: rows count and can be labeled."""
    header = "id,timestamp,model_version,RM,LSTAT,predicted_price\n"
    old = [f"{number:08x}-0000-4000-8000-{number:012x}" for number in (7, 3, 9)] + ["17", "a b"]
    rows = [f"{one},2026-01-31T12:00:0{n}.000Z,v1,6.5,,21.{n}\n" for n, one in enumerate(old)]
    (tmp_path / "predictions.csv").write_text(header + "".join(rows))
    log = open_log(f"csv:{tmp_path}", SMALL)
    (new,) = _add(log)
    for one in [*old, new]:
        assert log.feedback(one, 4.0).outcome == "recorded"
    assert list(log.labeled().ids) == [*old, new]
    assert list(log.labeled(newest=2).ids) == [old[-1], new]
    since = datetime(2026, 1, 31, 12, 0, 3, tzinfo=UTC)
    assert list(log.labeled(since=since).ids) == [*old[3:], new]
    with pytest.raises(UnknownPrediction):
        log.feedback("00000004-0000-4000-8000-000000000004", 4.0)


def test_the_log_says_its_schema_version(log: PredictionLog, tmp_path: Path) -> None:
    _add(log)
    path = tmp_path / "schema.json"
    assert json.loads(path.read_text()) == {"version": 1}
    path.unlink()
    assert len(open_log(f"csv:{tmp_path}", SMALL).predictions()) == 1
    path.write_text('{"version": 99}')
    for use in (log.check, log.labeled, lambda: _add(open_log(f"csv:{tmp_path}", SMALL))):
        with pytest.raises(LogSchemaMismatch, match="99"):
            use()


def test_check_creates_nothing_and_fails_on_a_foreign_file(tmp_path: Path) -> None:
    log = open_log(f"csv:{tmp_path / 'a' / 'b'}", SMALL)
    log.check()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "feedback.csv").write_text("name,price\nx,1\n")
    with pytest.raises(LogSchemaMismatch, match="missing `id`"):
        log.check()


def _large_log(folder: Path, rows: int) -> list[str]:
    """Write `rows` predictions, one a second or a burst of 5,000, and a price for every other."""
    source, clock = IdSource(), Clock()
    ids: list[str] = []
    stamps: list[str] = []
    now = 1_700_000_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now * 1_000_000)
        while len(ids) < rows:
            now += 1000
            ms, new = source.issue(5000 if len(ids) % 50_000 == 40_000 else 1)
            ids += new
            stamps += [clock.iso(ms)] * len(new)
    version = [f"v{1 + number * 5 // len(ids)}" for number in range(len(ids))]
    folder.mkdir(parents=True)
    (folder / "predictions.csv").write_text(
        "id,timestamp,model_version,RM,LSTAT,predicted_price\n"
        + "".join(
            f"{one},{at},{v},6.5,,{20 + n % 7}.5\n"
            for n, (one, at, v) in enumerate(zip(ids, stamps, version, strict=True))
        )
    )
    (folder / "feedback.csv").write_text(
        "id,timestamp,real_price\n"
        + "".join(
            f"{one},{clock.iso(1_700_000_000_000 + 3_600_000 + n * 1000)},{15 + n % 9}.5\n"
            for n, one in enumerate(ids)
            if n % 2
        )
    )
    return ids


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("large") / "logs"
    return folder, _large_log(folder, 150_000)


def test_any_row_of_a_large_log_is_found_at_once(large: tuple[Path, list[str]]) -> None:
    folder, ids = large
    log = open_log(f"csv:{folder}", SMALL)
    picks = np.random.default_rng(3).integers(0, len(ids), 400).tolist()
    log.feedback(ids[0], 20.0)
    took = []
    for pick in [0, 1, 40_000, 42_500, 44_999, 45_000, len(ids) - 1, *picks]:
        began = time.perf_counter()
        assert log.feedback(ids[pick], 20.0).predicted_price == 20.5 + pick % 7
        took.append(time.perf_counter() - began)
    stranger = IdSource()
    for _ in range(100):
        began = time.perf_counter()
        with pytest.raises(UnknownPrediction):
            log.feedback(stranger.issue()[1][0], 20.0)
        took.append(time.perf_counter() - began)
    assert np.quantile(took, 0.9) < 0.01


@pytest.mark.parametrize("newest", [1, 1000, 60_000])
@pytest.mark.parametrize("version", [None, "v5", "v2"])
def test_a_window_equals_that_of_pandas(
    large: tuple[Path, list[str]], newest: int, version: str | None
) -> None:
    folder, _ = large
    rows = pd.read_csv(folder / "predictions.csv")
    prices = pd.read_csv(folder / "feedback.csv").drop_duplicates("id", keep="last")
    joined = rows.merge(prices, on="id", suffixes=("", "_labeled"))
    if version:
        joined = joined[joined["model_version"] == version]
    expected = joined.sort_values("id").tail(newest)
    log = open_log(f"csv:{folder}", SMALL)
    found = log.labeled(version=version, newest=newest)
    assert list(found.ids) == expected["id"].tolist()
    np.testing.assert_array_equal(found.real, expected["real_price"])
    np.testing.assert_array_equal(found.predicted, expected["predicted_price"])
    times = (
        pd.to_datetime(expected["timestamp"]).astype("datetime64[ns, UTC]").astype("int64") / 1e9
    )
    np.testing.assert_allclose(found.timestamps, times, atol=1e-6, rtol=0)


@pytest.mark.parametrize("seed", range(3))
def test_every_way_to_read_gives_the_same(tmp_path: Path, seed: int) -> None:
    """Narrow windows, whole columns and line by line: corrections, bursts and broken lines."""
    chance = random.Random(seed)
    log = open_log(f"csv:{tmp_path}", SMALL)
    ids: list[str] = []
    for _ in range(20):
        ids += _add(log, chance.choice([1, 1, 50, 300]), chance.choice(["v1", "v2"]))
    for _ in range(len(ids)):
        log.feedback(chance.choice(ids), chance.choice([10.0, 11.0, 12.5]))
    if seed % 2:
        for name in ("predictions.csv", "feedback.csv"):
            lines = (tmp_path / name).read_bytes().split(b"\n")
            lines.insert(len(lines) // 2, b"\0\0\0")
            lines.insert(len(lines) // 3, b"a,b")
            (tmp_path / name).write_bytes(b"\n".join(lines))
    prices = (tmp_path / "feedback.csv", ("id", "timestamp", "real_price"))
    rows = (tmp_path / "predictions.csv", ("id", "timestamp", "model_version", "RM", "LSTAT",
                                           "predicted_price"))  # fmt: skip
    middle = datetime.fromtimestamp(log.predictions().timestamps[len(ids) // 2], UTC)
    for version, newest, since in itertools.product(
        (None, "v1", "v3"), (None, 1, 77), (None, middle)
    ):
        for what in ("labeled", "predictions"):
            answers = []
            for module in (csv_window, csv_join, csv_scan):
                with LineReader(*rows) as reader, LineReader(*prices) as other:
                    ask = getattr(module, what)
                    answers.append(ask(reader, other, 2, version, newest, since))
            for name in answers[0].__struct_fields__:
                if name != "skipped":
                    values = [list(getattr(answer, name)) for answer in answers]
                    np.testing.assert_array_equal(values[0], values[1], err_msg=name)
                    np.testing.assert_array_equal(values[0], values[2], err_msg=name)
            if newest is None and since is None:
                assert answers[1].skipped == answers[2].skipped == (4 if seed % 2 else 0)


def _append_for(url: str, seconds: float) -> int:
    log = open_log(url, SMALL)
    end = time.monotonic() + seconds
    written = 0
    while time.monotonic() < end:
        ids = _add(log, 30)
        log.feedback(ids[0], 2.0)
        written += 30
    return written


def test_readers_see_whole_rows_while_others_write(tmp_path: Path) -> None:
    url = f"csv:{tmp_path}"
    log = open_log(url, SMALL)
    _add(log)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        writers = pool.starmap_async(_append_for, [(url, 1.0)] * 2)
        before = 0
        while not writers.ready():
            frame = pd.read_csv(tmp_path / "predictions.csv", on_bad_lines="error")
            assert frame["id"].is_monotonic_increasing
            seen = log.predictions()
            assert seen.skipped == 0
            assert before <= len(seen)
            before = len(seen)
            assert log.labeled(newest=100).skipped == 0
    assert len(log.predictions()) == 1 + sum(writers.get())


def test_an_interrupted_write_is_taken_back(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = _add(log, 2)
    real = os.write

    def torn(fd: int, data: bytes) -> int:
        real(fd, data[: len(data) // 2])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", torn)
    with pytest.raises(LogUnavailable, match="Input/output"):
        _add(log, 4)
    monkeypatch.undo()
    assert pd.read_csv(tmp_path / "predictions.csv")["id"].tolist() == ids
    assert len(_add(log, 4)) == 4


def test_a_forked_process_takes_a_lock_of_its_own(log: PredictionLog, tmp_path: Path) -> None:
    _add(log)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            for _ in range(200):
                _add(log, 3)
            os._exit(0)
        children.append(child)
    for _ in range(200):
        _add(log, 3)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    frame = pd.read_csv(tmp_path / "predictions.csv")
    assert len(frame) == 1 + 4 * 600
    assert frame["id"].is_unique
    assert frame["id"].is_monotonic_increasing


def test_memory_of_old_prices_is_bounded(log: PredictionLog, tmp_path: Path) -> None:
    """An old price that is forgotten is recorded once more; the last value still counts."""
    ids = _add(log, 3)
    stamp = "2026-01-31T12:00:00.000Z"
    log.feedback(ids[0], 4.0)
    with (tmp_path / "feedback.csv").open("a") as file:
        file.writelines(f"{one},{stamp},5.0\n" for one in IdSource().issue(120_000)[1])
    assert log.feedback(ids[0], 4.0).outcome in {"recorded", "unchanged"}
    assert log.feedback(ids[0], 4.0).outcome == "unchanged"
    assert log.labeled().real.tolist() == [4.0]


def test_a_thread_may_look_while_another_appends(log: PredictionLog) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            _add(log, 5)

    thread = threading.Thread(target=write)
    _add(log)
    thread.start()
    try:
        for _ in range(50):
            assert log.predictions(newest=10).skipped == 0
    finally:
        stop.set()
        thread.join()
