"""A version is tried on real traffic before it decides: beside production, then in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.system.processes import Server, housing, serving
from tests.system.test_story import DATA, predict_and_label

SERVED = "id,lower,upper,arm,shadow_version,shadow_price,house_id,request_id"


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.read_csv(DATA).iloc[np.random.default_rng(7).permutation(506)]


@pytest.fixture
def place(tmp_path: Path, rows: pd.DataFrame) -> Path:
    """v1 of 60 rows is production; v2 learned from 300."""
    (tmp_path / "data").mkdir()
    trees = ("--set", "model.params.n_estimators=60")
    for n, promote in ((60, "--promote"), (300, "--no-promote")):
        rows[:n].to_csv(tmp_path / "data" / "HousingData.csv", index=False)
        trained = housing("train", promote, *trees, cwd=tmp_path)
        assert trained.code == 0, trained.stderr
    return tmp_path


def answered_by(server: Server, rows: pd.DataFrame) -> list[str]:
    """Return which version answers each of the rows."""
    bodies = rows.drop(columns="MEDV").astype(object).where(rows.notna(), None).to_dict("records")
    answers = [server.client.post("/predict", json=body) for body in bodies]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json()["model_version"] for answer in answers]


def test_a_shadow_is_judged_on_the_same_rows_and_then_promoted(
    place: Path, rows: pd.DataFrame
) -> None:
    complete = rows.dropna()
    with serving(place) as server:
        assert housing("promote", "v2", "--to", "shadow", cwd=place).code == 0
        following = server.wait_for(
            lambda: (server.client.get("/version").json()["shadow"] or {}).get("version") == "v2",
            timeout=5,
        )
        assert following < 2
        assert predict_and_label(server, complete[-20:], 1.0) == {"v1"}
        early = housing("evaluate", "--shadow", "--json", cwd=place)
        assert (early.code, early.json["data"]["verdict"]) == (0, "insufficient"), early.stdout
        assert housing("evaluate", "--shadow", "--strict", cwd=place).code == 3
        refused = housing("promote", "shadow", cwd=place)
        assert refused.code == 4, refused.stdout + refused.stderr
        assert refused.stderr.startswith("error: ")

        assert predict_and_label(server, complete[-220:-20], 1.0) == {"v1"}
        judged = housing("evaluate", "--shadow", "--json", cwd=place).json["data"]
        assert judged["verdict"] == "better", judged
        assert judged["n"] == 220
        assert housing("promote", "shadow", cwd=place).code == 0
        server.wait_for(lambda: server.client.get("/version").json()["version"] == "v2", timeout=5)
        assert server.client.get("/version").json()["shadow"] is None
        assert set(answered_by(server, complete[-5:])) == {"v2"}
        assert server.stop() == 0
    assert (place / "logs" / "served.csv").read_text().splitlines()[0] == SERVED
    served = pd.read_csv(place / "logs" / "served.csv")
    assert set(served["shadow_version"]) == {"v2"}
    assert np.isfinite(served["shadow_price"]).all()
    assert len(served) == 220
    assert set(served["id"]) <= set(pd.read_csv(place / "logs" / "predictions.csv")["id"])
    assert housing("registry", "verify", cwd=place).code == 0


def test_a_canary_answers_its_share_and_is_given_up(place: Path, rows: pd.DataFrame) -> None:
    complete = rows.dropna()
    with serving(place) as server:
        assert housing("promote", "v2", "--to", "canary", "--weight", "30", cwd=place).code == 0
        server.wait_for(lambda: server.client.get("/version").json()["canary"], timeout=5)
        first = answered_by(server, complete)
        assert answered_by(server, complete) == first, "the same house has the same arm"
        share = first.count("v2") / len(first)
        assert 0.3 - 4 * (0.21 / len(first)) ** 0.5 < share < 0.3 + 4 * (0.21 / len(first)) ** 0.5

        assert housing("promote", "--weight", "60", cwd=place).code == 0
        server.wait_for(
            lambda: server.client.get("/version").json()["canary"]["weight"] == 60, timeout=5
        )
        more = answered_by(server, complete)
        assert more.count("v2") > first.count("v2")
        assert all(now == "v2" for was, now in zip(first, more, strict=True) if was == "v2")

        judged = housing("evaluate", "--canary", "--json", cwd=place)
        assert (judged.code, judged.json["data"]["verdict"]) == (0, "insufficient"), judged.stdout
        assert "NaN" not in judged.stdout
        aborted = housing("promote", "--abort", "--reason", "a drill", cwd=place)
        assert aborted.code == 0, aborted.stderr
        seconds = server.wait_for(
            lambda: server.client.get("/version").json()["canary"] is None, timeout=5
        )
        assert seconds < 2
        assert set(answered_by(server, complete)) == {"v1"}
        assert server.stop() == 0
    events = housing("registry", "history", "--json", cwd=place).json["data"]["events"]
    told = [(e["event"], e["evidence"].get("weight")) for e in events if e["alias"] == "canary"]
    assert told == [("aborted", None), ("weighted", 60), ("promoted", 30)]
