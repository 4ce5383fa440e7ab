"""What a workflow reads: step outputs and the run's summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.errors import ExitCode, GateRefused, InsufficientEvidence
from housing_cli.show.printer import emit
from housing_cli.show.result import Result, Table, failure


def test_the_summary_is_markdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "out"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    table = Table(["a"], [["x|y\nz"]], "T")
    outputs: dict[str, str | bool | None] = {"flag": True, "text": "two\nlines", "none": None}
    emit(Result("train", {}, show=["done\n  by day", table], outputs=outputs), as_json=True)
    assert (tmp_path / "out").read_text() == (
        "status=ok\nexit_code=0\nflag=true\ntext=two lines\nnone=\n"
    )
    assert (tmp_path / "summary").read_text() == (
        "### housing train: ok\n\ndone  \nby day\n\n**T**\n\n| a |\n| --- |\n| x\\|y z |\n\n"
    )


def test_reasons_are_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    evidence = {"reasons": ["worse", "another unit?"]}
    error = GateRefused("v2 is not better than v1: worse; another unit?", "v1 stays", evidence)
    emit(failure("retrain", error, ExitCode.REFUSED, "refused"), as_json=False)
    other = InsufficientEvidence("too few", "wait")
    emit(failure("retrain", other, ExitCode.FAILURE), as_json=False)
    assert (tmp_path / "summary").read_text() == (
        "### housing retrain: refused\n\n**v2 is not better than v1:**\n\n"
        "- worse  \n- another unit?\n\nv1 stays\n\n"
        "### housing retrain: error\n\n**too few**\n\nwait\n\n"
    )


def test_a_summary_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path))
    assert emit(Result("train", {}), as_json=False) == 0
    assert "cannot be written: Is a directory" in capsys.readouterr().err
