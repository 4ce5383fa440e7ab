"""The loop, as its users live it: train, serve, judge, degrade, retrain, recover, roll back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.system.processes import Server, housing, serving

DATA = Path(__file__).parent.parent.parent / "data" / "HousingData.csv"
MOVED = 1.3


def predict_and_label(server: Server, rows: pd.DataFrame, factor: float) -> set[str]:
    """Ask for every row's price, then send its real one times `factor`; return who answered."""
    versions = set()
    for row in rows.to_dict("records"):
        price = row.pop("MEDV")
        answer = server.client.post("/predict", json=row)
        assert answer.status_code == 200, answer.text
        versions.add(answer.json()["model_version"])
        body = {"id": answer.json()["id"], "real_price": price * factor}
        labeled = server.client.post("/feedback", json=body)
        assert labeled.status_code == 200, labeled.text
        assert labeled.json()["message"] == "Valor real actualizado correctamente"
    return versions


def test_the_loop_closes(tmp_path: Path) -> None:
    rows = pd.read_csv(DATA).iloc[np.random.default_rng(7).permutation(506)]
    known, usual, moved, fresh = rows[:280], rows[280:370], rows[370:440], rows[440:]
    (tmp_path / "data").mkdir()
    known.to_csv(tmp_path / "data" / "HousingData.csv", index=False)

    trained = housing("train", "--tag", "first", "--json", cwd=tmp_path)
    assert trained.code == 0, trained.stderr
    assert trained.json["data"]["version"] == "v1"
    assert trained.json["data"]["production"] is True

    with serving(tmp_path) as server:
        assert housing("evaluate", "--json", cwd=tmp_path).json["data"]["verdict"] == "insufficient"

        assert predict_and_label(server, usual, 1.0) == {"v1"}
        healthy = housing("evaluate", "--json", cwd=tmp_path)
        assert (healthy.code, healthy.json["data"]["verdict"]) == (0, "healthy"), healthy.stdout
        assert healthy.json["data"]["n"] == len(usual)

        assert predict_and_label(server, moved, MOVED) == {"v1"}
        degraded = housing("evaluate", "--window", str(len(moved)), cwd=tmp_path)
        assert degraded.code == 2, degraded.stdout
        assert "degraded" in degraded.stdout
        assert housing("evaluate", cwd=tmp_path).code == 2

        retrained = housing("retrain", "--promote", "--tag", "moved", "--json", cwd=tmp_path)
        assert retrained.code == 0, retrained.stdout + retrained.stderr
        assert retrained.json["data"]["version"] == "v2"
        assert retrained.json["data"]["promoted"] is True
        seconds = server.wait_for(
            lambda: server.client.get("/version").json()["version"] == "v2", timeout=5
        )
        assert seconds < 2

        # The old model's errors say nothing about the new one.
        assert housing("evaluate", "--json", cwd=tmp_path).json["data"]["n"] == 0
        assert predict_and_label(server, fresh, MOVED) == {"v2"}
        recovered = housing("evaluate", "--json", cwd=tmp_path)
        assert recovered.code == 0, recovered.stdout
        assert recovered.json["data"]["version"] == "v2"
        assert recovered.json["data"]["n"] == len(fresh)

        assert housing("promote", "--rollback", cwd=tmp_path).code == 0
        server.wait_for(lambda: server.client.get("/version").json()["version"] == "v1", timeout=5)
        assert server.stop() == 0

    log = pd.read_csv(tmp_path / "logs" / "predictions.csv")
    assert list(log.columns) == [
        "id", "timestamp", "model_version", *rows.columns[:-1], "predicted_price",
    ]  # fmt: skip
    assert len(log) == len(usual) + len(moved) + len(fresh)
    assert len(pd.read_csv(tmp_path / "logs" / "feedback.csv")) == len(log)
    history = housing("registry", "history", "--json", cwd=tmp_path).json["data"]["events"]
    assert [e["to"] for e in reversed(history) if e["alias"] == "production"] == ["v1", "v2", "v1"]
    assert housing("registry", "verify", cwd=tmp_path).code == 0
