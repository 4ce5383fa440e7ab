"""Another table is another settings file: the verbs follow it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing_cli.config import load_settings
from housing_cli.learning.pipeline import build_pipeline
from tests.conftest import ROOT, Housing

QUICK = ("--set", "model.params.max_iter=30", "--set", "train.repeats=1")
CONFIG = ROOT / "configs" / "california.toml"
FEATURES = ["MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup",
            "Latitude", "Longitude"]  # fmt: skip


def generated(n: int) -> str:
    """A table of California's shape: prices follow income and the distance to the coast."""
    rng = np.random.default_rng(0)
    income = rng.gamma(4, 1, n)
    latitude, longitude = rng.uniform(32.5, 42, n), rng.uniform(-124.3, -114.3, n)
    columns = [
        income, rng.integers(1, 53, n), rng.normal(5.4, 1, n), rng.normal(1.1, 0.1, n),
        rng.integers(50, 5000, n), rng.normal(3, 0.5, n), latitude, longitude,
    ]  # fmt: skip
    value = np.clip(0.4 * income - 0.05 * (longitude + 124) + rng.normal(0.8, 0.2, n), 0.15, 5)
    rows = np.column_stack([*columns, value]).round(4)
    rows[rng.random(n) < 0.02, 3] = np.nan
    lines = [",".join("" if np.isnan(v) else f"{v:g}" for v in row) for row in rows]
    return "\n".join([",".join([*FEATURES, "MedHouseVal"]), *lines]) + "\n"


def test_the_shipped_file_names_the_table() -> None:
    settings = load_settings(CONFIG, environ={})
    assert list(settings.data.features) == FEATURES
    assert settings.data.target == "MedHouseVal"
    assert settings.model.regressor == "HistGradientBoostingRegressor"
    build_pipeline(settings.model, seed=0, jobs=1)


def test_the_verbs_follow_the_settings(
    workshop: Path, housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workshop / "c.csv").write_text(generated(600))
    ran = housing("train", "--config", CONFIG, "--data-path", "c.csv", "--json", *QUICK)
    assert ran.code == 0, ran.stderr
    assert ran.json["data"]["metrics"]["r2"] > 0.7
    monkeypatch.setenv("HOUSING_CONFIG", str(CONFIG))
    housing("train", "--data-path", "c.csv", "--seed", "7", *QUICK)
    assert housing("promote", "v2", "--force").stdout == "production is v2 (was v1)\n"
    shown = housing("registry", "show", "production", "--json").json["data"]
    assert shown["schema"]["features"] == FEATURES
    assert shown["schema"]["limits"]["Latitude"] == [32.0, 43.0]
    assert housing("registry", "verify").code == 0
    assert housing("evaluate", "--json").json["data"]["verdict"] == "insufficient"
    assert sorted(path.name for path in (workshop / "artifacts").iterdir()) == ["california"]


def test_swapped_coordinates_are_found(workshop: Path, housing: Housing) -> None:
    lines = generated(60).splitlines()
    values = lines[5].split(",")
    values[6], values[7] = values[7], values[6]
    lines[5] = ",".join(values)
    (workshop / "c.csv").write_text("\n".join(lines))
    ran = housing("train", "--config", CONFIG, "--data-path", "c.csv")
    assert ran.code == 1
    assert ran.stderr.startswith("error: `c.csv`, line 6: `Latitude` is -1")
    assert "outside 32 to 43" in ran.stderr


def test_the_api_and_the_loop_follow_the_served_version(
    workshop: Path, housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi.testclient import TestClient

    from housing_cli.api.app import create_app

    monkeypatch.setenv("HOUSING_CONFIG", str(CONFIG))
    header, *lines = generated(400).splitlines()
    (workshop / "c.csv").write_text("\n".join([header, *lines[:300]]) + "\n")
    assert housing("train", "--data-path", "c.csv", *QUICK).code == 0
    with TestClient(create_app()) as client:
        boston = {"CRIM": 0.1, "RM": 6.5}
        assert client.post("/predict", json=boston).status_code == 422
        for line in lines[300:]:
            *features, value = [float(text) if text else None for text in line.split(",")]
            row = dict(zip(FEATURES, features, strict=True))
            answer = client.post("/predict", json=row)
            assert answer.status_code == 200, answer.text
            assert value is not None
            body = {"id": answer.json()["id"], "real_price": value * 1.5}
            assert client.post("/feedback", json=body).status_code == 200
        swapped = row | {"Latitude": -120, "Longitude": 37}
        assert client.post("/predict", json=swapped).status_code == 422
        fields = client.get("/openapi.json").json()["components"]["schemas"]["Features"]
        assert fields["required"] == FEATURES
    assert housing("evaluate").code == 2
    retrained = housing("retrain", "--promote", "--data-path", "c.csv", "--json", *QUICK)
    assert (retrained.code, retrained.json["data"]["version"]) == (0, "v2"), retrained.stdout
