"""The printer: envelopes, columns, Markdown."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from housing_cli.errors import ExitCode, HousingError
from housing_cli.show.output import Result, Table, emit, failure, progress_bars

WIDE = Table(["a", "b"], [["x" * 300, 1.23456], ["two\nlines", None]], "title")


def test_json_has_exactly_these_keys_and_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": None}}
    assert emit(Result("x", data), as_json=True) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {
        "command": "x", "status": "ok", "exit_code": 0,
        "data": {"a": None, "b": [None, 1.5], "c": {"d": None}}, "errors": [],
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
    assert json.loads(out)["data"] == {"n": 1}


def test_the_summary_is_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    table = Table(["a"], [["x|y\nz"]], "T")
    outputs = {"flag": True, "text": "two\nlines", "none": None}
    emit(Result("train", {}, show=["done", table], outputs=outputs), as_json=True)
    assert (tmp_path / "out").read_text() == (
        "status=ok\nexit_code=0\nflag=true\ntext=two lines\nnone=\n"
    )
    assert (tmp_path / "summary").read_text() == (
        "### housing train: ok\n\ndone\n\n**T**\n\n| a |\n| --- |\n| x\\|y z |\n\n"
    )


def test_a_summary_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path))
    assert emit(Result("train", {}), as_json=False) == 0
    assert "cannot be written: Is a directory" in capsys.readouterr().err


def test_no_terminal_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as progress:
        progress("folds", 1, 5)
    assert capsys.readouterr().err == ""
