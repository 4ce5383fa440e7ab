"""California with `ocean_proximity`: from the file to a version that was retrained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.system.real_tables import began, off, priced, requests_of, the_loop_closes
from tests.tables import california

TARGET = "median_house_value"


def test_the_loop_closes_on_california(tmp_path: Path) -> None:
    raw = california(600, 1).to_csv(index=False).encode()
    bench, _ = began(tmp_path, "housing.csv", raw, TARGET)
    fresh = california(120, 2)
    features = [str(name) for name in fresh if name != TARGET]
    rows = requests_of(fresh, features)
    prices = fresh[TARGET].tolist()
    answers = the_loop_closes(bench, rows, prices)
    assert off(answers, prices) < 0.25
    logged = pd.read_csv(tmp_path / "logs" / "housing" / "predictions.csv")
    assert logged["ocean_proximity"].notna().all()
    assert len(priced(bench, "housing.csv")) == 600
