"""`housing train`, asked as an operator would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import QUICK, SHIPPED, Housing, rows

KEYS = ["command", "status", "exit_code", "data", "errors"]


def test_the_first_version_becomes_production_by_itself(housing: Housing, table: Path) -> None:
    first = housing("train", "--data-path", table, "--tag", "first", *QUICK)
    assert first.code == 0
    assert first.stdout.startswith("v1 is production now\n")
    assert "next: housing serve" in first.stderr
    second = housing("train", "--data-path", table, *QUICK)
    assert second.stdout.startswith("v2 is registered\n")
    assert "next: housing promote v2" in second.stderr


@pytest.mark.parametrize(
    ("option", "first", "second"),
    [("--promote", True, True), ("--no-promote", False, False)],
)
def test_promotion_can_be_asked_for_or_forbidden(
    housing: Housing, table: Path, option: str, first: bool, second: bool
) -> None:
    for expected in (first, second):
        ran = housing("train", "--data-path", table, option, "--json", *QUICK)
        assert ran.json["data"]["production"] is expected


def test_the_json_object_tells_all_of_the_version(housing: Housing, table: Path) -> None:
    ran = housing("train", "--data_path", table, "--seed", "7", "--json", *QUICK)
    assert list(ran.json) == KEYS
    data = ran.json["data"]
    assert (data["version"], data["rows"], data["tag"]) == ("v1", 60, None)
    assert set(data["metrics"]) >= {"rmse", "mae", "r2"}
    shown = housing("registry", "show", "v1", "--json").json["data"]
    assert shown["seed"] == 7
    assert shown["parameters"]["n_estimators"] == 10
    assert shown["files"]["model.onnx"] == data["model_sha256"]


def test_what_was_left_out_is_said(housing: Housing, workshop: Path) -> None:
    header, *lines = rows()
    first = lines[0].rpartition(",")[0] + ",NA,extra"
    table = [f"{header},Note", first, *(f"{line},x" for line in lines[1:])]
    (workshop / "odd.csv").write_text("\n".join(table) + "\n")
    ran = housing("train", "--data-path", "odd.csv", *QUICK)
    assert ran.code == 0
    assert "note: left out columns that are no feature (`Note`): 1" in ran.stderr
    assert "note: left out rows without `MEDV`: 1" in ran.stderr


def test_settings_come_from_options_before_variables_before_the_file(
    housing: Housing, table: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workshop / "configs").mkdir()
    (workshop / "configs" / "housing.toml").write_text("[train]\nseed = 1\nrepeats = 1\n")

    def seed(*words: str) -> int:
        ran = housing("train", "--data-path", table, "--json", *QUICK, *words)
        shown = housing("registry", "show", ran.json["data"]["version"], "--json")
        return int(shown.json["data"]["seed"])

    assert seed() == 1
    monkeypatch.setenv("HOUSING_TRAIN_SEED", "2")
    assert seed() == 2
    assert seed("--set", "train.seed=3") == 3
    assert seed("--set", "train.seed=3", "--seed", "4") == 4


def test_github_gets_outputs_and_a_summary(
    housing: Housing, table: Path, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(workshop / name))
    housing("train", "--data-path", table, *QUICK)
    outputs = dict(
        line.split("=", 1) for line in (workshop / "GITHUB_OUTPUT").read_text().splitlines()
    )
    assert (outputs["version"], outputs["exit_code"]) == ("v1", "0")
    assert "| v1 |" in (workshop / "GITHUB_STEP_SUMMARY").read_text()


def test_the_shipped_table_is_the_default(housing: Housing, workshop: Path) -> None:
    assert housing("train", *QUICK).code == 1
    (workshop / "data").mkdir()
    (workshop / "data" / "HousingData.csv").write_bytes(SHIPPED.read_bytes())
    assert housing("train", "--json", *QUICK).json["data"]["rows"] == 506


@pytest.mark.slow
@pytest.mark.parametrize(
    ("regressor", "params"),
    [
        ("HistGradientBoostingRegressor", "max_iter = 10"),
        ("LGBMRegressor", "n_estimators = 10"),
        ("StackingRegressor", 'estimators = ["ExtraTreesRegressor", "Ridge"]\nRidge__alpha = 2.0'),
        ("VotingRegressor", 'estimators = ["HistGradientBoostingRegressor", "Ridge"]'),
    ],
)
def test_other_regressors_go_through_every_step(
    housing: Housing, workshop: Path, regressor: str, params: str
) -> None:
    (workshop / "other.toml").write_text(
        f'[model]\nregressor = "{regressor}"\n[model.params]\n{params}\n'
        f'[train]\nrepeats = 1\nfolds = 2\n[data]\npath = "{SHIPPED}"\n'
    )
    made = [housing("train", "--config", "other.toml", "--json") for _ in range(2)]
    assert [one.code for one in made] == [0, 0]
    assert made[0].json["data"]["model_sha256"] == made[1].json["data"]["model_sha256"]
    assert housing("registry", "verify").code == 0
    shown = housing("registry", "show", "v1", "--json").json["data"]
    assert shown["regressor"] == regressor
    if "alpha" in params:
        assert shown["parameters"]["Ridge__alpha"] == 2.0
