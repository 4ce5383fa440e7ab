"""The printer: envelopes, columns, notes, progress."""

from __future__ import annotations

import json
import math
import re

import pytest

from housing_cli.errors import ExitCode, HousingError
from housing_cli.show.printer import emit, progress_bars
from housing_cli.show.result import Result, Table, failure

WIDE = Table(["a", "b"], [["x" * 300, 1.23456], ["two\nlines", None]], "title")


def test_json_has_exactly_these_keys_and_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": None}, "json_format": 1}
    assert emit(Result("x", data), as_json=True) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "command": "x", "status": "ok", "exit_code": 0,
        "data": {"a": None, "b": [None, 1.5], "c": {"d": None}, "json_format": 1}, "errors": [],
    }  # fmt: skip


def test_a_pipe_gets_columns_that_nothing_cuts(capsys: pytest.CaptureFixture[str]) -> None:
    emit(Result("x", {}, show=["said", WIDE]), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "said"
    assert lines[1] == "title"
    assert lines[2].split() == ["a", "b"]
    assert lines[3].split() == ["x" * 300, "1.235"]
    assert lines[4].split() == ["two", "lines", "-"]


def test_notes_and_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    emit(Result("x", {}, notes=["note"], show=["data"]), as_json=False)
    out, err = capsys.readouterr()
    assert (out, err) == ("data\n", "note\n")
    result = failure("x", HousingError("what", "do", {"n": 1}), ExitCode.FAILURE)
    assert emit(result, as_json=True) == 1
    out, err = capsys.readouterr()
    assert err == "error: what\nhint: do\n"
    assert json.loads(out)["data"] == {"n": 1, "json_format": 1}


def test_no_terminal_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as progress:
        progress("folds", 1, 5)
    assert capsys.readouterr().err == ""


def test_without_a_terminal_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with progress_bars() as progress:
        for seconds in range(26):
            now = 100.0 + seconds
            progress("folds", seconds, 25)
            progress("trees", seconds * 300, 7500)
    assert capsys.readouterr().err.splitlines() == [
        "folds: 10 of 25, about 15 s left",
        "folds: 20 of 25, about 5 s left",
    ]


@pytest.mark.parametrize(("columns", "boxed"), [("40", False), ("80", True), ("20", True)])
def test_a_drawing_that_is_wider_than_the_terminal_is_plain_where_that_fits(
    columns: str,
    boxed: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table = Table(["a", "b", "c"], [["x" * 10, "y" * 10, "z" * 12]])
    emit(Result("x", {}, show=[table]), as_json=False)
    out = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    assert ("┃" in out) == boxed
    assert max(map(len, out.splitlines())) <= int(columns)
