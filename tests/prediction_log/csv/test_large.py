"""Huge files: any row is found at once, and every way to read gives the same."""

from __future__ import annotations

import itertools
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.errors import UnknownPrediction
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.csv import wide as csv_wide
from housing_cli.prediction_log.csv import window as csv_window
from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.ids import Clock, IdSource, ceil_ms
from tests.prediction_log.csv.small import SMALL, add

pytestmark = pytest.mark.slow


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
    """Narrow and wide: corrections, bursts, rows that stand twice, and broken lines."""
    chance = random.Random(seed)
    log = open_log(f"csv:{tmp_path}", SMALL)
    ids: list[str] = []
    for _ in range(20):
        ids += add(log, chance.choice([1, 1, 50, 300]), chance.choice(["v1", "v2"]))
    for _ in range(len(ids)):
        log.feedback(chance.choice(ids), chance.choice([10.0, 11.0, 12.5]))
    if seed % 2:
        for name in ("predictions.csv", "feedback.csv"):
            lines = (tmp_path / name).read_bytes().split(b"\n")
            lines.insert(len(lines) // 2, b"\0\0\0")
            lines.insert(len(lines) // 3, b"a,b")
            lines.insert(1, b"")
            lines.insert(len(lines) // 4, lines[len(lines) // 4])
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
            for module in (csv_window, csv_wide):
                with LineReader(*rows) as reader, LineReader(*prices) as other:
                    ask = getattr(module, what)
                    query = Query(reader, other, 2, version, newest, ceil_ms(since))
                    answers.append(ask(query))
            for name in answers[0].__struct_fields__:
                if name not in {"skipped", "repeated"}:
                    narrow, wide = (list(getattr(answer, name)) for answer in answers)
                    np.testing.assert_array_equal(narrow, wide, err_msg=name)
            if newest is None and since is None:
                assert answers[0].skipped == answers[1].skipped == (4 if seed % 2 else 0)
