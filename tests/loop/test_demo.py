"""The stage of the demo: what is learned, what is sold, and a server that comes and goes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from housing_cli.errors import ServeError, UsageError
from housing_cli.loop.demo import LEARNED, serving, stage
from tests.conftest import SHIPPED


def test_a_row_is_either_learned_or_sold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSING_LOG_URL", "csv:elsewhere")
    here = Path.cwd()
    with stage(tmp_path / "new" / "demo") as later:
        assert Path.cwd() == tmp_path / "new" / "demo"
        assert "HOUSING_LOG_URL" not in os.environ
        known = pd.read_csv("data/HousingData.csv")
    assert (Path.cwd(), os.environ["HOUSING_LOG_URL"]) == (here, "csv:elsewhere")
    rows = pd.read_csv(SHIPPED).iloc[np.random.default_rng(7).permutation(506)]
    assert known.equals(rows[:LEARNED].reset_index(drop=True))
    assert pd.DataFrame(later).equals(rows[LEARNED:].astype(float).reset_index(drop=True))


def test_a_folder_that_holds_something_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError) as refused, stage(folder):
            pytest.fail("it began")
        assert refused.value.hint
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_server_answers_and_ends(artifacts: Path, workshop: Path) -> None:
    row = {str(k): float(v) for k, v in pd.read_csv(SHIPPED).iloc[0].items()}
    done: list[int] = []
    with serving() as server:
        server.sell([row, row], 1.3, done.append)
        server.follow("v1")
    assert done == [1, 2]
    assert server.process.returncode == 0
    prices = pd.read_csv(workshop / "logs" / "feedback.csv")["real_price"]
    assert prices.tolist() == [pytest.approx(row["MEDV"] * 1.3)] * 2


def test_a_server_that_refuses_says_why(artifacts: Path, workshop: Path) -> None:
    with serving() as server, pytest.raises(ServeError) as refused:
        server.sell([{"RM": 6.0, "MEDV": 1.0}], 1.0, lambda _: None)
    assert "/predict answered 422" in refused.value.message


def test_a_server_that_does_not_start_is_a_known_failure(
    workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSING_SERVE_HOST", "nowhere.invalid")
    with pytest.raises(ServeError) as failed, serving():
        pytest.fail("it began")
    assert "it did not start" in failed.value.message
