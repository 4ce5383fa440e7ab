"""Every wrong settings file and variable has its own line of error and its hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SHIPPED, Housing

FAILURE = 1
CORRECT = "correct it or leave it out; then `housing status --settings` shows every setting"


@pytest.mark.parametrize(
    ("content", "error", "hint"),
    [
        (b"[train\nseed = 1", "settings file `s.toml` is not valid TOML: expected ']' at the end "
         "of a table declaration (at line 1, column 7)",
         "write sections as `[train]` and values as `seed = 42` or `path = \"a.csv\"`"),
        (b"\xff\xfe", "settings file `s.toml` cannot be read: it is not UTF-8 text",
         "give a TOML file that you may read"),
        (b"seed = 1", "`s.toml`: unknown section `seed`",
         "the sections are data, model, train, evaluate, retrain, promote, registry, log, serve, "
         "api, explain, route"),
        (b"train = 1", "`s.toml`: `train` is a section, not a value",
         "write its keys under `[train]`"),
        (b"[train]\nsede = 1", "`s.toml`: unknown key `train.sede`", "did you mean `seed`?"),
        (b"[train]\nseed = '1'", "`s.toml`: `train.seed` is `\"1\"` but must be a whole number of "
         "at least 0 and at most 2147483647", "the default is `42`"),
        (b"[log]\nfsync = 1", "`s.toml`: `log.fsync` is `1` but must be `true` or `false`",
         "the default is `false`"),
        (b"[evaluate]\nthreshold = inf", "`s.toml`: `evaluate.threshold` is `inf`, not a finite "
         "number", "give a finite number, or leave the setting out"),
        (b"[data]\npath = ''", "`s.toml`: `data.path` is `\"\"` but must be text that is not empty",
         "the default is `\"data/HousingData.csv\"`"),
        (b"[data]\nfeatures = ['RM', 'RM']", "`s.toml`: column `RM` is named twice",
         CORRECT),
        (b"[data]\nfeatures = ['id']", "`s.toml`: column `id` is a column of the prediction log",
         CORRECT),
        (b"[data.limits]\nPOOL = [0, 1]", "`s.toml`: limits for `POOL`, which is not a feature",
         CORRECT),
        (b"[data.limits]\nRM = [9, 1]", "`s.toml`: limits for `RM` exclude every value: 9 to 1",
         CORRECT),
        (b"[data.limits]\nRM = [9]", "`s.toml`: `data.limits` is `{RM = [9]}` but must be a table "
         "of `NAME = [LOWEST, HIGHEST]`", "the default is `{}`"),
        (b"[data.units]\nPOOL = 'm'", "`s.toml`: a unit for `POOL`, which is neither a feature nor "
         "the target", CORRECT),
        (b"[data.units]\nRM = ''", "`s.toml`: the unit of `RM` is '', not 1 to 40 printable "
         "characters without a blank at either end", CORRECT),
        (b"[data]\nunits = 'm'", "`s.toml`: `data.units` is `\"m\"` but must be a table of "
         "`NAME = \"UNIT\"`", "it may be left out"),
        (b"[api]\nkeys = 5", "`s.toml`: `api.keys` must be a list of names", "the default is `[]`"),
        (b"[model.params]\nn_estimator = 5", "`model.params.n_estimator` is not a parameter of "
         "RandomForestRegressor", "did you mean `n_estimators`?"),
        (b"[model.params]\nn_estimators = 0", "the regressor cannot be fitted: The 'n_estimators' "
         "parameter of RandomForestRegressor must be an int in the range [1, inf). Got 0 instead.",
         "check `model.params` in the settings"),
    ],
    ids=lambda p: str(p)[:30],
)  # fmt: skip
def test_a_settings_file_that_is_wrong(
    content: bytes, error: str, hint: str, workshop: Path, housing: Housing
) -> None:
    (workshop / "s.toml").write_bytes(content)
    ran = housing("train", "--config", "s.toml", "--data-path", SHIPPED)
    assert ran.stderr == f"error: {error}\nhint: {hint}\n"
    assert (ran.code, ran.stdout) == (FAILURE, "")


@pytest.mark.parametrize(
    ("variable", "value", "error", "hint"),
    [
        ("HOUSING_PORT", "9000", "variable `HOUSING_PORT` is not a setting",
         "did you mean `HOUSING_SERVE_PORT`?"),
        ("HOUSING_FROBNICATE", "1", "variable `HOUSING_FROBNICATE` is not a setting",
         "unset it; `housing status --settings` shows every setting"),
        ("HOUSING_TRAIN_SEED", "two", "variable `HOUSING_TRAIN_SEED`: `train.seed` is `\"two\"` "
         "but must be a whole number of at least 0 and at most 2147483647",
         "the default is `42`"),
        ("HOUSING_EVALUATE_THRESHOLD", "nan", "variable `HOUSING_EVALUATE_THRESHOLD`: "
         "`evaluate.threshold` is `nan`, not a finite number",
         "give a finite number, or leave the setting out"),
        ("HOUSING_CONFIG", "gone.toml", "settings file `gone.toml` does not exist",
         "check `--config` and `HOUSING_CONFIG`"),
        ("HOUSING_REGISTRY_PATH", "file", "registry `file` cannot be read: not a directory",
         "check that it is a directory that you may read, or set `HOUSING_REGISTRY_PATH`"),
    ],
    ids=lambda p: str(p)[:30],
)  # fmt: skip
def test_a_variable_that_is_wrong(
    variable: str,
    value: str,
    error: str,
    hint: str,
    workshop: Path,
    housing: Housing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (workshop / "file").touch()
    monkeypatch.setenv(variable, value)
    ran = housing("registry", "ls")
    assert ran.stderr == f"error: {error}\nhint: {hint}\n"
    assert (ran.code, ran.stdout) == (FAILURE, "")
