"""Rows that other tools wrote into a csv log: narrow and wide windows see the same."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.csv import wide as csv_wide
from housing_cli.prediction_log.csv import window as csv_window
from housing_cli.prediction_log.ids import Clock, IdSource
from tests.prediction_log.csv.small import SMALL

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of 3,000 rows: ids in capitals, ids that are none, corrections, absurd prices."""
    random, source, clock = np.random.default_rng(0), IdSource(), Clock()
    rows, prices = [], []
    for number in range(3000):
        ms, (key,) = source.issue()
        written = key.upper() if number % 11 == 5 else key
        if number % 500 == 7:
            written = f"order-{number}" if number % 1000 == 7 else f"{number:0>35}x"
        rows.append(f"{written},{clock.iso(ms)},v{number % 3},{number},,{20 + number % 7}.5\n")
        if number % 2:
            for _ in range(1 + (number % 9 == 0)):
                real = "1e300" if number % 301 == 0 else f"{random.uniform(5, 50):.3f}"
                name = written.upper() if random.random() < 0.2 else written
                prices.append(f"{name},{clock.iso(ms)},{real}\n")
    (tmp_path / "predictions.csv").write_text(
        "id,timestamp,model_version,RM,LSTAT,predicted_price\n" + "".join(rows)
    )
    (tmp_path / "feedback.csv").write_text("id,timestamp,real_price\n" + "".join(prices))
    return tmp_path


def expected(folder: Path) -> pd.DataFrame:
    predictions = pd.read_csv(folder / "predictions.csv")
    feedback = pd.read_csv(folder / "feedback.csv")
    for table in (predictions, feedback):
        table["id"] = table["id"].str.lower()
    feedback = feedback[feedback["real_price"] < 1e38].drop_duplicates("id", keep="last")
    joined = predictions.merge(feedback, on="id")
    return joined[joined["id"].str.fullmatch(r"[0-9a-f]{8}-.*")]


@pytest.mark.parametrize("way", ["narrow", "wide"])
@pytest.mark.parametrize("newest", [None, 100, 1000])
@pytest.mark.parametrize("version", [None, "v1"])
def test_narrow_and_wide_windows_see_the_same(
    folder: Path, way: str, newest: int | None, version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "wide":
        for name in ("labeled", "predictions"):
            monkeypatch.setattr(csv_window, name, lambda *_: None)
    else:
        monkeypatch.setattr(csv_wide, "labeled", None)
        monkeypatch.setattr(csv_wide, "predictions", None)
    log = open_log(f"csv:{folder}", SMALL)
    whole = expected(folder)
    wanted = whole if version is None else whole[whole["model_version"] == version]
    wanted = wanted if newest is None else wanted.tail(newest)
    found = log.labeled(version=version, newest=newest)
    assert list(found.ids) == wanted["id"].tolist()
    assert found.real.tolist() == wanted["real_price"].tolist()
    seen = log.predictions(version=version, newest=newest)
    priced = [key for key, known in zip(seen.ids, seen.labeled, strict=True) if known]
    assert priced == [key for key in whole["id"] if key in set(seen.ids)]
    assert len(seen) <= (newest or len(seen))
    assert all(math.isfinite(price) for price in found.real)


def test_what_is_left_out_is_counted(folder: Path) -> None:
    assert open_log(f"csv:{folder}", SMALL).labeled().skipped >= 6
    assert open_log(f"csv:{folder}", SMALL).predictions().skipped >= 6
