"""From a table that nobody described to a version, by the commands that are printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.conftest import Housing
from tests.tables import california

TARGET = "median_house_value"


@pytest.fixture(autouse=True)
def small(housing: Housing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is fitted in a moment."""
    monkeypatch.setenv("HOUSING_MODEL_PARAMS", "{n_estimators = 10}")
    monkeypatch.setenv("HOUSING_TRAIN_REPEATS", "1")
    california(120, 1).to_csv("houses.csv", index=False)


def test_the_next_command_works_as_it_is_printed(housing: Housing) -> None:
    for name in ("houses", "other"):
        ran = housing("init", "houses.csv", "--target", TARGET, "--name", name)
        assert ran.code == 0, ran.stderr
        command = ran.stderr.splitlines()[-1].removeprefix("next: housing ")
        trained = housing(*shlex.split(command), "--json")
        assert trained.json["data"]["production"] is True
        assert Path("artifacts", name, "versions", "v1").is_dir()


def test_train_at_once(housing: Housing) -> None:
    ran = housing("init", "houses.csv", "--target", TARGET, "--train", "--json")
    assert ran.code == 0, ran.stderr
    data = ran.json["data"]
    assert (data["file"], data["next"]) == ("configs/housing.toml", "housing serve")
    assert data["train"]["version"] == "v1"
    assert data["columns"][5]["kind"] == "category"
    assert "next: housing serve" in ran.stderr
    again = housing("init", "houses.csv", "--target", TARGET, "--train", "--force", "--name", "b")
    assert "next: housing serve --config configs/b.toml" in again.stderr


def test_what_is_said_of_a_model_is_said_here_too(housing: Housing) -> None:
    table = california(120, 1)
    table[TARGET] = table[TARGET].sample(frac=1, random_state=1).to_numpy()
    table.to_csv("noise.csv", index=False)
    ran = housing("init", "noise.csv", "--target", TARGET, "--train")
    assert "warning: R2 is -" in ran.stderr
    assert ran.stderr.endswith("next: housing serve\n")


def test_the_message_of_a_table_that_does_not_fit_names_the_command(housing: Housing) -> None:
    ran = housing("train", "--data-path", "houses.csv")
    assert ran.code == 1
    command = f"housing init houses.csv --target {TARGET}"
    assert f"`{command}` writes settings for it" in ran.stderr
    assert "`ocean_proximity`" in ran.stderr
    assert housing(*shlex.split(command)[1:]).code == 0
    assert housing("train", "--json").json["data"]["kinds"]["ocean_proximity"] == "category"


def test_without_a_target_it_is_a_usage_error_that_names_the_likely_one(housing: Housing) -> None:
    ran = housing("init", "houses.csv")
    assert ran.code == 64
    assert f"likely `{TARGET}`" in ran.stderr
    asked = housing("init", "houses.csv", "--json")
    assert asked.json["data"]["likely_targets"] == [TARGET]
    assert housing("init").code == 64


def test_settings_that_are_there_are_kept(housing: Housing) -> None:
    assert housing("init", "houses.csv", "--target", TARGET).code == 0
    before = Path("configs/housing.toml").read_bytes()
    ran = housing("init", "houses.csv", "--target", TARGET, "--config", "configs/housing.toml")
    assert ran.code == 1
    assert ran.stderr == (
        "error: `configs/housing.toml` is there already\n"
        "hint: `--force` replaces it, `--name` writes another one\n"
    )
    assert Path("configs/housing.toml").read_bytes() == before
