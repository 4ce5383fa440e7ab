"""Every argument that makes no sense has its own line of error, its hint and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from housing_cli.prediction_log.urls import FORMS
from tests.conftest import SHIPPED, Housing

USAGE, FAILURE, REFUSED = 64, 1, 4

LIST = "see what there is with `housing registry ls`"
CORRECT = "correct it or leave it out; then `housing status --settings` shows every setting"
TAG_RULE = (
    "use up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not a "
    "version, `latest`, `production`, `previous`, `shadow`, `canary` or `candidate`"
)

# (words, error, hint, exit code); `artifacts` holds v1 (tag `first`) and v2 (tag `second`).
ARGUMENTS: list[tuple[str, str, str, int]] = [
    ("trian", "no such command `trian`",
     "did you mean `train` or `retrain`? see `housing --help`", USAGE),
    ("registry lss", "no such command `lss`",
     "did you mean `ls`? see `housing registry --help`", USAGE),
    ("train --tags x", "no such option `--tags`",
     "did you mean `--tag`? see `housing train --help`", USAGE),
    ("train extra", "unexpected `extra`", "see `housing train --help`", USAGE),
    ("train --tag", "option `--tag` requires an argument", "see `housing train --help`", USAGE),
    ("train --tag v3", "`v3` cannot be a tag", TAG_RULE, USAGE),
    ("train --tag production", "`production` cannot be a tag", TAG_RULE, USAGE),
    ("train --tag a/b", "`a/b` cannot be a tag", TAG_RULE, USAGE),
    ("train --seed x", "invalid value for `--seed`: `x` is not a whole number",
     "see `housing train --help`", USAGE),
    ("train --seed -1", "`--seed`: `train.seed` is `-1` but must be a whole number of at least 0 "
     "and at most 2147483647", "the default is `42`", USAGE),
    ("train --set foo", "`--set foo` is not of the form SECTION.KEY=VALUE",
     "for example `--set model.params.n_estimators=500`", USAGE),
    ("train --set trian.seed=1", "`--set trian.seed=1`: unknown section `trian`",
     "did you mean `train`?", USAGE),
    ("train --set train.sead=1", "`--set train.sead=1`: unknown key `train.sead`",
     "did you mean `seed`?", USAGE),
    ("train --set train.jobs=0", "`--set train.jobs=0`: `train.jobs` is 0: give a number of "
     "cores, or -1 for all", CORRECT, USAGE),
    ("train --set model.regressor=XGBoost", "`model.regressor` is `XGBoost`, which is not "
     "supported", "use one of AdaBoostRegressor, BaggingRegressor, DecisionTreeRegressor, "
     "ElasticNet, ExtraTreesRegressor, GradientBoostingRegressor, HistGradientBoostingRegressor, "
     "LGBMRegressor, Lasso, LinearRegression, RandomForestRegressor, Ridge, StackingRegressor, "
     "VotingRegressor", USAGE),
    ("train --set model.params.n_estimator=5", "`model.params.n_estimator` is not a parameter of "
     "RandomForestRegressor", "did you mean `n_estimators`?", USAGE),
    ("train --set=model.params.max_depth=-1", "the regressor cannot be fitted: The 'max_depth' "
     "parameter of RandomForestRegressor must be an int in the range [1, inf) or None. Got -1 "
     "instead.", "check `model.params` in the settings", USAGE),
    ("train --config nope.toml", "settings file `nope.toml` does not exist",
     "check `--config` and `HOUSING_CONFIG`", FAILURE),
    ("evaluate --threshold abc", "invalid value for `--threshold`: `abc` is not a finite number",
     "see `housing evaluate --help`", USAGE),
    ("evaluate --threshold nan", "invalid value for `--threshold`: `nan` is not a finite number",
     "see `housing evaluate --help`", USAGE),
    ("evaluate --threshold inf", "invalid value for `--threshold`: `inf` is not a finite number",
     "see `housing evaluate --help`", USAGE),
    ("evaluate --threshold -0.1", "`--threshold`: `evaluate.threshold` is `-0.1` but must be a "
     "number of at least 0", "the default is `0.1`", USAGE),
    ("evaluate --window 0d", "`--window`: `0d` is not a window: use `30d`, `24h`, or a number of "
     "newest labeled rows", CORRECT, USAGE),
    ("evaluate --window soon", "`--window`: `soon` is not a window: use `30d`, `24h`, or a number "
     "of newest labeled rows", CORRECT, USAGE),
    ("evaluate --min-samples 0", "`--min-samples`: `evaluate.min_samples` is `0` but must be a "
     "whole number of at least 1", "the default is `30`", USAGE),
    ("evaluate --metric r2", "`--metric`: `evaluate.metric` is `\"r2\"` but must be `rmse` or "
     "`mae`", "the default is `\"rmse\"`", USAGE),
    ("evaluate --confidence 1", "`--confidence`: `evaluate.confidence` is `1.0` but must be a "
     "number above 0 and below 1", "it may be left out", USAGE),
    ("evaluate --version v9", "version `v9` is not in registry `artifacts`", LIST, FAILURE),
    ("evaluate --shadow", "there is no shadow to judge",
     "try one with `housing promote REF --to shadow`", FAILURE),
    ("evaluate --shadow --window 30d", "`--shadow` goes without `--window`",
     "ask for one of them at a time", USAGE),
    ("evaluate --set log.url=redis://x", "`redis://x` is not the URL of a prediction log",
     f"use {FORMS}", FAILURE),
    ("serve --port 70000", "`--port`: `serve.port` is `70000` but must be a whole number of at "
     "least 0 and at most 65535", "the default is `8000`", USAGE),
    ("promote", "name a version, or use `--rollback`", "for example `housing promote v3`", USAGE),
    ("promote v1 --rollback", "`v1` and `--rollback` exclude each other",
     "name a version, go back to the previous one, or give up what is tried", USAGE),
    ("promote v2 --to v3", "`v3` cannot be an alias",
     "use up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not a "
     "version, `latest` or `previous`", USAGE),
    ("promote v2 --to ../x", "`../x` cannot be an alias",
     "use up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not a "
     "version, `latest` or `previous`", USAGE),
    ("promote nothing", "`nothing` is no version, alias or tag in registry `artifacts`", LIST,
     FAILURE),
    ("promote --rollback", "there is no previous version to roll back to",
     "see the promotions with `housing registry history`", FAILURE),
    ("registry show", "missing argument `REF`", "see `housing registry show --help`", USAGE),
    ("registry diff v1", "missing argument `REF`", "see `housing registry diff --help`", USAGE),
    ("registry show v0", "`v0` is no version, alias or tag in registry `artifacts`", LIST, FAILURE),
    ("registry gc", "missing option `--keep`", "see `housing registry gc --help`", USAGE),
    ("registry gc --keep 0", "invalid value for `--keep`: `0` is below 1",
     "see `housing registry gc --help`", USAGE),
    ("registry gc --keep 1.5", "invalid value for `--keep`: `1.5` is not a whole number",
     "see `housing registry gc --help`", USAGE),
]  # fmt: skip


@pytest.mark.parametrize(("words", "error", "hint", "code"), ARGUMENTS, ids=lambda p: str(p)[:40])
def test_an_argument_that_makes_no_sense(
    words: str, error: str, hint: str, code: int, artifacts: Path, housing: Housing
) -> None:
    (artifacts.parent / "data").mkdir()
    (artifacts.parent / "data" / "HousingData.csv").symlink_to(SHIPPED)
    ran = housing(*words.split())
    said = ran.stderr[ran.stderr.index("error:") :]
    assert said == f"error: {error}\nhint: {hint}\n"
    assert (ran.code, ran.stdout) == (code, "")


@pytest.mark.parametrize(
    ("words", "code"),  # `--tag --json` would give the tag `--json`.
    [(words, code) for words, _, _, code in ARGUMENTS if not words.endswith("--tag")],
)
def test_json_is_one_object_for_every_failure(
    words: str, code: int, artifacts: Path, housing: Housing
) -> None:
    (artifacts.parent / "data").mkdir()
    (artifacts.parent / "data" / "HousingData.csv").symlink_to(SHIPPED)
    ran = housing(*words.split(), "--json")
    envelope = json.loads(ran.stdout)
    assert list(envelope) == ["command", "status", "exit_code", "data", "errors"]
    assert envelope["exit_code"] == ran.code == (code if words else USAGE)
    assert [sorted(error) for error in envelope["errors"]] == [["hint", "message", "type"]]
    assert all(envelope["errors"][0].values())
