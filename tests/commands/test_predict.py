"""`housing predict`, asked as somebody with a table of houses would."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT, SHIPPED, Housing


@pytest.fixture
def registry(artifacts: Path) -> Path:
    return artifacts


def broken(table: Path) -> None:
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace(",", ",x", 1)
    table.write_text("\n".join(lines) + "\n")


def test_the_table_goes_to_standard_output_and_words_beside_it(
    housing: Housing, registry: Path, table: Path
) -> None:
    ran = housing("predict", table)
    assert ran.code == 0
    frame = pd.read_csv(io.StringIO(ran.stdout))
    assert list(frame)[-4:] == ["predicted_price", "lower", "upper", "model_version"]
    assert len(frame) == 60
    assert ran.stderr == "60 rows priced with v1\n"


def test_a_file_is_named_and_the_json_object_tells_all(
    housing: Housing, registry: Path, table: Path
) -> None:
    ran = housing("predict", table, "--out", "out.csv", "--version", "second")
    assert (ran.code, ran.stdout) == (0, "60 rows priced with v2: out.csv\n")
    told = housing("predict", table, "--out", "out.csv", "--json")
    assert told.code == 0
    data = told.json["data"]
    assert data.pop("seconds") > 0
    assert data == {
        "rows": 60,
        "refused": 0,
        "version": "v1",
        "out": "out.csv",
        "errors_file": None,
        "columns": ["predicted_price", "lower", "upper", "model_version"],
        "unknown_categories": {},
        "outside": {},
        "logged": 0,
        "read": {
            "format": "csv",
            "gzip": False,
            "encoding": "UTF-8",
            "sheet": None,
            "units": {},
        },
        "json_format": 1,
    }


def test_refused_rows_are_exit_code_1_and_listed(
    housing: Housing, registry: Path, table: Path
) -> None:
    broken(table)
    ran = housing("predict", table, "--out", "out.csv")
    assert ran.code == 1
    assert ran.stdout == "59 rows priced with v1: out.csv\n"
    assert ran.stderr.splitlines() == [
        "  line 3: ZN: Input should be a valid number",
        "error: 1 of 60 rows was refused",
        "hint: see `out.errors.csv`",
    ]
    told = housing("predict", table, "--out", "out.csv", "--json").json
    assert (told["status"], told["exit_code"]) == ("partial", 1)
    assert told["errors"][0]["type"] == "RowsRefused"
    assert (told["data"]["refused"], told["data"]["errors_file"]) == (1, "out.errors.csv")


def test_of_standard_output_refused_rows_are_counted_or_listed(
    housing: Housing, registry: Path, table: Path
) -> None:
    broken(table)
    ran = housing("predict", table)
    assert ran.code == 1
    assert "hint: list them all with `--errors FILE`" in ran.stderr
    ran = housing("predict", table, "--errors", "bad.csv")
    assert ran.code == 1
    assert len(pd.read_csv("bad.csv")) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["t.csv", "--json"], "cannot both go to standard output"),
        (["table.csv", "--out", "table.csv"], "is the table itself"),
        (["table.csv", "--out", "a.csv", "--errors", "a.csv"], "name one file"),
        (["table.csv", "--errors", "./table.csv"], "is the table itself"),
        (["table.csv", "--out", "a.xlsx"], "says no format"),
        ([], "missing argument"),
    ],
)
def test_what_cannot_be_asked_for_is_a_usage_error(
    housing: Housing, registry: Path, table: Path, options: list[str], said: str
) -> None:
    before = table.read_text()
    ran = housing("predict", *options)
    assert ran.code == 64
    assert said in (ran.stderr + ran.stdout).lower()
    assert table.read_text() == before


def test_missing_columns_are_one_error_and_nothing_is_written(
    housing: Housing, registry: Path, workshop: Path
) -> None:
    Path("t.csv").write_text("rm,CRIM\n1,2\n")
    ran = housing("predict", "t.csv", "--out", "out.csv")
    assert ran.code == 1
    assert ran.stderr.count("error:") == ran.stderr.count("hint:") == 1
    assert "lacks columns `ZN`, `INDUS`" in ran.stderr
    assert "rename `rm` to `RM`" in ran.stderr
    assert not Path("out.csv").exists()


def test_unknown_names_of_columns_that_are_there_already_are_said(
    housing: Housing, registry: Path, table: Path
) -> None:
    housing("predict", table, "--out", "out.csv")
    ran = housing("predict", "out.csv", "--out", "again.csv")
    assert (
        "note: the table has columns of these names already: housing_predicted_price" in ran.stderr
    )


def test_what_was_logged_is_judged(housing: Housing, registry: Path, table: Path) -> None:
    ran = housing("predict", table, "--out", "out.csv", "--log")
    assert ran.stdout == "60 rows priced with v1 and logged: out.csv\n"
    priced = pd.read_csv("out.csv")
    lines = ["id,timestamp,real_price"]
    lines += [
        f"{key},2027-01-01T00:00:00.000Z,{price}" for key, price in priced[["id", "MEDV"]].values
    ]
    Path("logs/feedback.csv").write_text("\n".join(lines) + "\n")
    judged = housing("evaluate", "--json").json["data"]
    assert (judged["n"], judged["labels"]["predictions"]) == (60, 60)
    error = priced["predicted_price"] - priced["MEDV"]
    assert judged["current"] == pytest.approx((error**2).mean() ** 0.5)


def test_an_interruption_says_what_is_in_the_log(
    housing: Housing, registry: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        error = KeyboardInterrupt()
        error.add_note("7 rows are in the log")
        raise error

    monkeypatch.setattr("housing_cli.pricing.predict.price_table", interrupted)
    ran = housing("predict", table, "--out", "out.csv", "--log")
    assert ran.code == 130
    assert ran.stderr.splitlines()[:2] == ["warning: 7 rows are in the log", "error: interrupted"]


def process(workshop: Path, *args: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "housing_cli", "predict", *args],
        cwd=workshop,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_standard_input_goes_to_standard_output(registry: Path, workshop: Path) -> None:
    done = process(workshop, "-").communicate(SHIPPED.read_bytes())
    assert done[0].count(b"\n") == 507
    assert done[1] == b"506 rows priced with v1\n"


@pytest.mark.slow
def test_a_reader_that_has_enough_is_no_error(registry: Path, workshop: Path) -> None:
    lines = SHIPPED.read_text().splitlines()
    Path("big.csv").write_text("\n".join([lines[0], *lines[1:] * 200]) + "\n")
    with process(workshop, "big.csv") as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline().startswith(b"CRIM")
        running.stdout.close()
        assert running.wait(120) == 0
        assert running.stderr.read() == b""


@pytest.mark.slow
@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_ctrl_c_leaves_what_was_there(registry: Path, workshop: Path, out: str) -> None:
    Path(out).write_text("before")
    with process(workshop, "-", "--out", out) as running:
        assert running.stdin is not None and running.stderr is not None
        header, _, rows = SHIPPED.read_bytes().partition(b"\n")
        running.stdin.write(header + b"\n" + rows * 60)  # two blocks, and it waits for more
        running.stdin.flush()
        while not list(workshop.glob(f".{out}.*")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.stdin.close()
        assert running.wait(60) == 130
        assert running.stderr.read().startswith(b"error: interrupted\n")
    assert Path(out).read_text() == "before"
    assert sorted(path.name for path in workshop.iterdir()) == ["artifacts", out]
