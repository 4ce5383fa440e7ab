"""Every kind of broken file or argument has its own line of error, its hint and its exit code."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import FEATURES, QUICK, SHIPPED, Housing, as_nobody, rows

MEND = "mend the value, or leave it empty where it is missing"
USAGE, FAILURE, REFUSED = 64, 1, 4


def lines(*changes: tuple[int, str, str]) -> list[str]:
    """The small table, after (line number, column, new text)."""
    table = [line.split(",") for line in rows()]
    for line, column, text in changes:
        table[line - 1][table[0].index(column)] = text
    return [",".join(line) for line in table]


def text(*changes: tuple[int, str, str]) -> bytes:
    return ("\n".join(lines(*changes)) + "\n").encode()


def frame() -> pd.DataFrame:
    return pd.read_csv(io.StringIO("\n".join(rows())))


def parquet(table: pd.DataFrame) -> bytes:
    return table.to_parquet(index=False)


def xlsx() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def without(*columns: str) -> bytes:
    return frame().drop(columns=list(columns)).to_csv(index=False).encode()


@dataclass(frozen=True)
class Bad:
    """A table that cannot be used, and what is said of it."""

    name: str
    content: bytes | Callable[[Path], None] | None
    error: str
    hint: str
    options: Sequence[str] = ()


def directory(file: Path) -> None:
    file.mkdir()


def renamed() -> bytes:
    return text().replace(b"LSTAT", b"lstat", 1)


LONG = 'CRIM,ZN\n"' + "x" * 200_000

TABLES = [
    Bad("missing", None, "`t` does not exist", "give the table with `--data-path FILE`"),
    Bad("directory", directory, "`t` is a directory", "give a CSV or Parquet file"),
    Bad("empty", b"", "`t` is empty", "give a table with a header line and rows"),
    Bad("blank", b" \n\r\n\t\n", "`t` is empty", "give a table with a header line and rows"),
    Bad("BOM alone", b"\xef\xbb\xbf", "`t` is empty", "give a table with a header line and rows"),
    Bad(
        "header alone",
        (rows(0)[0] + "\n").encode(),
        "`t` has a header but no rows",
        "give a table with rows",
    ),
    Bad(
        "header again",
        "\n".join([*rows(3), rows(0)[0], *rows(5)[1:]]).encode(),
        "`t`, line 5: the header stands there again",
        "remove that line",
    ),
    Bad(
        "no header",
        "\n".join(rows(5)[1:]).encode(),
        f"`t` lacks columns {', '.join(f'`{name}`' for name in [*FEATURES, 'MEDV'])}",
        "the first line must hold the column names",
    ),
    Bad(
        "column twice",
        text().replace(b"ZN", b"CRIM", 1).replace(b"CRIM,CRIM", b"CRIM,ZN,CRIM", 1),
        "`t` has column `CRIM` twice",
        "keep one of them",
    ),
    Bad(
        "missing column",
        without("AGE"),
        "`t` lacks column `AGE`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "missing columns",
        without("AGE", "TAX"),
        "`t` lacks columns `AGE`, `TAX`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "target column missing",
        without("MEDV"),
        "`t` lacks column `MEDV`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "wrong case", renamed(), "`t` lacks column `LSTAT`", "rename `lstat` to `LSTAT`",
    ),
    Bad(
        "text for a number",
        text((7, "RM", "six")),
        "`t`, line 7: `RM` is `six`, not a number",
        MEND,
    ),
    Bad(
        "text after blank lines",
        b"\n\n" + text((7, "RM", "six")),
        "`t`, line 9: `RM` is `six`, not a number",
        MEND,
    ),
    Bad(
        "thousands separator",
        text((4, "TAX", '"1,296"')),
        "`t`, line 4: `TAX` is `1,296`, not a number",
        MEND,
    ),
    Bad("inf", text((3, "DIS", "inf")), "`t`, line 3: `DIS` is infinite", MEND),
    Bad("-Infinity", text((3, "B", "-Infinity")), "`t`, line 3: `B` is infinite", MEND),
    Bad("1e999", text((61, "TAX", "1e999")), "`t`, line 61: `TAX` is infinite", MEND),
    Bad(
        "beyond float32",
        text((8, "TAX", "1e39")),
        "`t`, line 8: `TAX` is 1e+39, beyond what a model can take (3.4e+38)",
        MEND,
    ),
    Bad(
        "target beyond float32",
        text((8, "MEDV", "4e38")),
        "`t`, line 8: `MEDV` is 4e+38, beyond what a model can take (3.4e+38)",
        MEND,
    ),
    Bad(
        "no target at all",
        text(*((line, "MEDV", "NA") for line in range(2, 62))),
        "`t` has no value in `MEDV`",
        "give rows whose price is known",
    ),
    Bad(
        "target zero",
        text((12, "MEDV", "0")),
        "`t`, line 12: `MEDV` is 0, not above 0",
        "mend the value, or remove the row",
    ),
    Bad(
        "target negative",
        text((12, "MEDV", "-3.5")),
        "`t`, line 12: `MEDV` is -3.5, not above 0",
        "mend the value, or remove the row",
    ),
    Bad(
        "short line",
        "\n".join([*rows(4), "1,2,3", *rows(6)[5:]]).encode(),
        "`t`, line 6: 3 values for 14 columns",
        "give every line as many values as the header; a value that holds the separator stands "
        "in double quotes",
    ),
    Bad(
        "long line",
        text((5, "MEDV", "33.4,1")),
        "`t`, line 5: 15 values for 14 columns",
        "give every line as many values as the header; a value that holds the separator stands "
        "in double quotes",
    ),
    Bad(
        "unclosed quote",
        text((9, "RM", '"6.1')),
        "`t`, line 9: not CSV: a quote is opened and never closed",
        "close every double quote, and write one inside a value twice",
    ),
    Bad(
        "quote inside",
        text((9, "RM", '"6"1')),
        "`t`, line 9: not CSV: ',' expected after '\"'",
        "close every double quote, and write one inside a value twice",
    ),
    Bad(
        "NUL bytes",
        text((6, "RM", "\0")),
        "`t`, line 6: NUL bytes, which no CSV file has",
        "give UTF-8 text or a Parquet file",
    ),
    Bad(
        "UTF-16",
        text().decode().encode("utf-16"),
        "`t` is UTF-16 text, neither CSV nor Parquet",
        "save the file as UTF-8",
    ),
    Bad(
        "Latin-1",
        text((6, "RM", "sé")).decode().encode("latin-1"),
        "`t`, line 6: not UTF-8 text",
        "save the file as UTF-8",
    ),
    Bad(
        "Excel",
        xlsx(),
        "`t` is a spreadsheet or a ZIP archive, neither CSV nor Parquet",
        "save the sheet as `CSV UTF-8`",
    ),
    Bad(
        "old Excel",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
        "`t` is an old Excel workbook, neither CSV nor Parquet",
        "save the sheet as `CSV UTF-8`",
    ),
    Bad(
        "gzip",
        gzip.compress(text()),
        "`t` is compressed with gzip, neither CSV nor Parquet",
        "unpack it with `gunzip`",
    ),
    Bad(
        "torn Parquet",
        parquet(frame())[:2000],
        "`t` is not a readable Parquet file: Parquet magic bytes not found in footer",
        "write or copy the file again",
    ),
    Bad(
        "Parquet lacking a column",
        parquet(frame().drop(columns="RAD")),
        "`t` lacks column `RAD`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "Parquet without rows",
        parquet(frame().head(0)),
        "`t` has no rows",
        "give a table with rows",
    ),
    Bad(
        "Parquet of dates",
        parquet(frame().assign(AGE=pd.Timestamp("2026-01-01"))),
        "`t`: `AGE` holds timestamp[us] values, not numbers",
        "store numbers",
    ),
    Bad(
        "Parquet of text",
        parquet(frame().assign(AGE=["old", *["1"] * 59])),
        "`t`, row 1: `AGE` is `old`, not a number",
        MEND,
    ),
    Bad(
        "Parquet with infinity",
        parquet(frame().assign(AGE=[1.0, np.inf, *[1.0] * 58])),
        "`t`, row 2: `AGE` is infinite",
        MEND,
    ),
    Bad(
        "column without a value",
        text(*((line, "ZN", "") for line in range(2, 62))),
        "`t` has no value in `ZN`: it cannot be imputed",
        "fill the column, or take it out of `data.features` in the settings",
    ),
    Bad(
        "too few rows",
        "\n".join(rows(9)).encode(),
        "9 rows are too few for 5-fold cross-validation",
        "give at least 10 rows, or set `train.folds` lower",
    ),
    Bad(
        "outside the limits",
        text((10, "CHAS", "2")),
        "`t`, line 10: `CHAS` is 2, outside 0 to 1",
        "mend the value, or the limits under `[data.limits]` in the settings",
        ("--set", "data.limits.CHAS=[0, 1]"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("bad", TABLES, ids=lambda bad: bad.name)
def test_a_table_that_cannot_be_used(bad: Bad, workshop: Path, housing: Housing) -> None:
    file = workshop / "t"
    if isinstance(bad.content, bytes):
        file.write_bytes(bad.content)
    elif bad.content is not None:
        bad.content(file)
    ran = housing("train", "--data-path", "t", *QUICK, *bad.options)
    assert ran.stderr == f"error: {bad.error}\nhint: {bad.hint}\n"
    assert (ran.code, ran.stdout) == (FAILURE, "")
    assert not (workshop / "artifacts").exists()


def test_a_table_that_one_may_not_read(table: Path, workshop: Path, housing: Housing) -> None:
    housing("train", "--data-path", "no-such-table")  # loads what the verb needs
    workshop.chmod(0o755)
    table.chmod(0)
    with as_nobody():
        ran = housing("train", "--data-path", table.name)
    assert ran.stderr == (
        "error: `table.csv` cannot be read: permission denied\nhint: check its permissions\n"
    )
    assert ran.code == FAILURE


LIST = "see what there is with `housing registry ls`"
DEFAULTS = "which lists every setting"
TAG_RULE = (
    "use up to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not a "
    "version, `latest`, `production` or `previous`"
)

# (words, error, hint, exit code); `artifacts` holds v1 (tag `first`) and v2 (tag `second`).
ARGUMENTS: list[tuple[str, str, str, int]] = [
    ("", "no verb given", "see `housing --help`", USAGE),
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
     "cores, or -1 for all", f"see `[train]` in `configs/housing.toml`, {DEFAULTS}", USAGE),
    ("train --set model.regressor=XGBoost", "`model.regressor` is `XGBoost`, which is not "
     "supported", "use one of AdaBoostRegressor, BaggingRegressor, DecisionTreeRegressor, "
     "ElasticNet, ExtraTreesRegressor, GradientBoostingRegressor, HistGradientBoostingRegressor, "
     "Lasso, LinearRegression, RandomForestRegressor, Ridge, StackingRegressor, VotingRegressor",
     USAGE),
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
     "newest labeled rows", f"see `[evaluate]` in `configs/housing.toml`, {DEFAULTS}", USAGE),
    ("evaluate --window soon", "`--window`: `soon` is not a window: use `30d`, `24h`, or a number "
     "of newest labeled rows", f"see `[evaluate]` in `configs/housing.toml`, {DEFAULTS}", USAGE),
    ("evaluate --min-samples 0", "`--min-samples`: `evaluate.min_samples` is `0` but must be a "
     "whole number of at least 1", "the default is `30`", USAGE),
    ("evaluate --metric r2", "`--metric`: `evaluate.metric` is `\"r2\"` but must be `rmse` or "
     "`mae`", "the default is `\"rmse\"`", USAGE),
    ("evaluate --confidence 1", "`--confidence`: `evaluate.confidence` is `1.0` but must be a "
     "number above 0 and below 1", "it may be left out", USAGE),
    ("evaluate --version v9", "version `v9` is not in registry `artifacts`", LIST, FAILURE),
    ("evaluate --set log.url=redis://x", "`redis://x` is not the URL of a prediction log",
     "use `csv:DIRECTORY`, `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/DATABASE`",
     FAILURE),
    ("serve --port 70000", "`--port`: `serve.port` is `70000` but must be a whole number of at "
     "least 0 and at most 65535", "the default is `8000`", USAGE),
    ("promote", "name a version, or use `--rollback`", "for example `housing promote v3`", USAGE),
    ("promote v1 --rollback", "`v1` and `--rollback` exclude each other",
     "name a version, or go back to the previous one", USAGE),
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


@pytest.mark.parametrize(
    ("content", "error", "hint"),
    [
        (b"[train\nseed = 1", "settings file `s.toml` is not valid TOML: expected ']' at the end "
         "of a table declaration (at line 1, column 7)",
         "write sections as `[train]` and values as `seed = 42` or `path = \"a.csv\"`"),
        (b"\xff\xfe", "settings file `s.toml` cannot be read: it is not UTF-8 text",
         "give a TOML file that you may read"),
        (b"seed = 1", "`s.toml`: unknown section `seed`",
         "the sections are data, model, train, evaluate, retrain, registry, log, serve, api"),
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
         f"see `[data]` in `configs/housing.toml`, {DEFAULTS}"),
        (b"[data]\nfeatures = ['id']", "`s.toml`: column `id` is a column of the prediction log",
         f"see `[data]` in `configs/housing.toml`, {DEFAULTS}"),
        (b"[data.limits]\nPOOL = [0, 1]", "`s.toml`: limits for `POOL`, which is not a feature",
         f"see `[data]` in `configs/housing.toml`, {DEFAULTS}"),
        (b"[data.limits]\nRM = [9, 1]", "`s.toml`: limits for `RM` exclude every value: 9 to 1",
         f"see `[data]` in `configs/housing.toml`, {DEFAULTS}"),
        (b"[data.limits]\nRM = [9]", "`s.toml`: `data.limits` is `{RM = [9]}` but must be a table "
         "of `NAME = [LOWEST, HIGHEST]`", "the default is `{}`"),
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
         "unset it; `configs/housing.toml` lists every setting"),
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


RESTORE = "restore the file, or use another version"
REGISTRIES: list[tuple[str, Callable[[Path], object], str, str, str]] = [
    ("no registry", lambda a: a.rename(a.with_name("gone")), "promote v1",
     "registry `artifacts` has no versions", "make one with `housing train`"),
    ("model.onnx changed", lambda a: (a / "versions/v2/model.onnx").write_bytes(b"x"),
     "promote v2", "`model.onnx` of v2 is not the file that was registered (SHA-256 differs)",
     RESTORE),
    ("model.onnx gone", lambda a: (a / "versions/v2/model.onnx").unlink(), "promote v2",
     "`model.onnx` of v2 cannot be read: no such file or directory", RESTORE),
    ("model.joblib changed", lambda a: (a / "versions/v1/model.joblib").write_bytes(b"x"),
     "registry verify", "`model.joblib` of v1 is not the file that was registered (SHA-256 "
     "differs)", RESTORE),
    ("metadata changed", lambda a: swap(a / "versions/v2/metadata.json", '"rmse":', '"rmse": '),
     "promote v2", "`metadata.json` of v2 is not the one that was registered", RESTORE),
    ("metadata no JSON", lambda a: (a / "versions/v2/metadata.json").write_text("{"),
     "registry show v2", "`metadata.json` of v2 cannot be read: input data was truncated", RESTORE),
    ("metadata gone", lambda a: (a / "versions/v2/metadata.json").unlink(),
     "registry show v2", "`metadata.json` of v2 is missing", RESTORE),
    ("alias dangling", lambda a: (a / "aliases/production").write_text("v9\n"),
     "evaluate", "alias `production` names v9, which is not in registry `artifacts`",
     "point it anew with `housing promote REF --to production`"),
    ("alias empty", lambda a: (a / "aliases/production").write_text(""),
     "evaluate", "alias `production` names no version: its file holds ``",
     "point it anew with `housing promote REF --to production`"),
    ("alias moved by hand", lambda a: (a / "aliases/production").write_text("v2\n"),
     "registry verify", "alias `production` names v2, but `artifacts/history.jsonl` says v1",
     "point it with `housing promote REF --to production`"),
    ("history line changed", lambda a: swap(a / "history.jsonl", "train", "trian"),
     "registry verify", "line 1 of `artifacts/history.jsonl` was changed after it was written",
     "restore the file from a backup"),
    ("history line broken", lambda a: swap(a / "history.jsonl", "{", ""),
     "registry history", "line 1 of `artifacts/history.jsonl` is not an event",
     "restore the file from a backup"),
    ("history line gone", lambda a: (a / "history.jsonl").write_text(
        "\n".join((a / "history.jsonl").read_text().splitlines()[:-1]) + "\n"),
     "registry verify", "line 2 of `artifacts/history.jsonl` is not the last one that was written "
     "(SHA-256 differs from `history.sha256`)", "restore the file from a backup"),
    ("version gone", lambda a: (a / "versions/v2").rename(a / "v2"),
     "registry verify", "v2 was registered and never removed, but is not there",
     "restore `artifacts/versions/v2` from a backup"),
    ("journal damaged", lambda a: (a / ".journal.json").write_text("{"),
     "registry ls", "`artifacts/.journal.json` was damaged after it was written",
     "remove it, then see with `housing registry verify` what is missing"),
]  # fmt: skip


def swap(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new, 1))


@pytest.mark.parametrize(
    ("damage", "words", "error", "hint"),
    [case[1:] for case in REGISTRIES],
    ids=[case[0] for case in REGISTRIES],
)
def test_a_registry_that_was_damaged(
    damage: Callable[[Path], object],
    words: str,
    error: str,
    hint: str,
    artifacts: Path,
    housing: Housing,
) -> None:
    damage(artifacts)
    ran = housing(*words.split())
    assert ran.stderr == f"error: {error}\nhint: {hint}\n"
    assert (ran.code, ran.stdout) == (FAILURE, "")


def test_a_tag_that_two_versions_carry_names_neither(artifacts: Path, housing: Housing) -> None:
    housing("train", "--data-path", SHIPPED, "--tag", "first", *QUICK)
    ran = housing("promote", "first")
    assert ran.stderr == (
        "error: tag `first` is not unique: v1, v3 carry it\n"
        "hint: name one of them, for example `v3`\n"
    )
    assert ran.code == FAILURE
