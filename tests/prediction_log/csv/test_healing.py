"""Torn ends are healed, and files that are moved away are made again."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.errors import LogUnavailable, UnknownPrediction
from housing_cli.prediction_log import (
    PredictionLog,
    open_log,
)
from tests.prediction_log.csv.small import SMALL, add


def test_every_torn_end_is_healed(tmp_path: Path) -> None:
    """Cut the file at every byte of its last row: whole rows stay, and the next one follows."""
    first = open_log(f"csv:{tmp_path / 'whole'}", SMALL)
    ids = add(first, 3)
    first.close()
    whole = (tmp_path / "whole" / "predictions.csv").read_bytes()
    begin = whole[:-1].rfind(b"\n") + 1
    path = tmp_path / "torn" / "predictions.csv"
    path.parent.mkdir()
    for cut in range(begin, len(whole)):
        path.write_bytes(whole[:cut])
        before = open_log(f"csv:{path.parent}", SMALL)
        assert list(before.predictions().ids) == ids[:2]  # readers leave a torn line alone
        (new,) = add(before)
        kept = pd.read_csv(path)["id"].tolist()
        complete = (
            re.search(rb",\d+\.?\d*$", whole[begin:cut]) and whole[begin:cut].count(b",") == 5
        )
        assert kept == [*ids[:2], *([ids[2]] if complete else []), new]
        assert path.read_bytes().startswith(whole[:begin])
        before.close()


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv"
    header = b"id,timestamp,model_version,RM,LSTAT,predicted_price\n"
    for cut in range(len(header)):
        path.write_bytes(header[:cut])
        log = open_log(f"csv:{tmp_path}", SMALL)
        assert len(log.predictions()) == 0
        log.check()
        add(log)
        assert path.read_bytes().startswith(header)
        assert len(log.predictions()) == 1
        log.close()


def test_feedback_heals_too(log: PredictionLog, tmp_path: Path) -> None:
    ids = add(log, 2)
    log.feedback(ids[0], 20.25)
    with (tmp_path / "feedback.csv").open("ab") as file:
        file.write(ids[1].encode() + b",2026-01-31T12:00")
    assert log.feedback(ids[1], 30.0).outcome == "recorded"
    frame = pd.read_csv(tmp_path / "feedback.csv")
    assert frame["real_price"].tolist() == [20.25, 30.0]


@pytest.mark.parametrize("way", ["rename", "delete", "truncate", "whole directory"])
def test_rotation_is_noticed(log: PredictionLog, tmp_path: Path, way: str) -> None:
    old = add(log, 3)
    log.feedback(old[0], 5.0)
    path = tmp_path / "predictions.csv"
    if way == "rename":
        path.rename(tmp_path / "predictions.csv.1")
    elif way == "delete":
        path.unlink()
    elif way == "truncate":
        os.truncate(path, 0)
    else:
        tmp_path.rename(tmp_path.with_name("moved"))
    new = add(log, 2)
    assert new[0] > old[-1]
    assert pd.read_csv(path)["id"].tolist() == new
    assert log.feedback(new[1], 7.0).outcome == "recorded"
    assert list(log.labeled().ids) == [new[1]]
    with pytest.raises(UnknownPrediction):
        log.feedback(old[1], 5.0)
    if way == "whole directory":
        tmp_path.with_name("moved").rename(tmp_path.with_name("moved-away"))


def test_an_interrupted_write_is_taken_back(
    log: PredictionLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add(log, 2)
    real = os.write

    def torn(fd: int, data: bytes) -> int:
        real(fd, data[: len(data) // 2])
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "write", torn)
    with pytest.raises(LogUnavailable, match="Input/output"):
        add(log, 4)
    monkeypatch.undo()
    assert pd.read_csv(tmp_path / "predictions.csv")["id"].tolist() == ids
    assert len(add(log, 4)) == 4
