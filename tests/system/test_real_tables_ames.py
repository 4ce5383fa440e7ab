"""Ames: a byte order mark, 82 columns, names with spaces and slashes, `NA` where there is none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.system.real_tables import began, off, priced, requests_of, the_loop_closes
from tests.tables import ames, ames_csv

LEFT_OUT = {"Order", "PID", "Utilities", "SalePrice"}


@pytest.mark.parametrize("log", ["csv:logs", "sqlite:///predictions.db"])
def test_the_loop_closes_on_ames(log: str, tmp_path: Path) -> None:
    bench, made = began(
        tmp_path, "AmesHousing.csv", ames_csv(400, 1), "SalePrice", HOUSING_LOG_URL=log
    )
    assert "Garage Yr Blt" in made.stdout
    fresh = ames(100, 2)
    features = [str(name) for name in fresh if name not in LEFT_OUT]
    rows = requests_of(fresh, features)
    assert {"Year Remod/Add", "1st Flr SF"} <= rows[0].keys()
    prices = fresh["SalePrice"].tolist()
    answers = the_loop_closes(bench, rows, prices)
    assert off(answers, prices) < 0.25
    if log.startswith("csv"):
        logged = pd.read_csv(tmp_path / "logs" / "predictions.csv")
        assert list(logged)[3:-1] == features
    assert len(priced(bench, "AmesHousing.csv")) == 400
