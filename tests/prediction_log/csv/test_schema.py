"""The numbers of a csv log stand beside its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from housing_cli.errors import LogSchemaMismatch, LogUnavailable
from housing_cli.prediction_log import PredictionLog, formats, open_log
from housing_cli.prediction_log.csv import schema as csv_schema
from tests.prediction_log.csv.small import SMALL, add


def test_a_log_without_numbers_has_format_1(tmp_path: Path) -> None:
    assert csv_schema.check(tmp_path) == csv_schema.check(tmp_path / "gone") == 1
    (tmp_path / "schema.json").write_text('{"version": 1}')
    assert csv_schema.check(tmp_path) == 1


def test_numbers_are_written_where_they_are_missing(tmp_path: Path) -> None:
    csv_schema.write(tmp_path)
    assert csv_schema.check(tmp_path) == formats.FORMAT


def test_lower_numbers_are_raised_by_a_migration_alone(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text('{"version": 1}')
    csv_schema.write(tmp_path)
    assert csv_schema.check(tmp_path) == 1
    csv_schema.write(tmp_path, migrate=True)
    assert csv_schema.check(tmp_path) == formats.FORMAT
    # What a later program added without disturbing this one is not lowered.
    path.write_text('{"version": 1, "format": 9}')
    csv_schema.write(tmp_path, migrate=True)
    assert csv_schema.check(tmp_path) == 9


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "{}", '{"version": "x"}', '{"version": null}']
)
def test_damaged_numbers_are_no_old_ones(tmp_path: Path, text: str) -> None:
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(LogUnavailable, match="is damaged") as raised:
        csv_schema.check(tmp_path)
    assert "housing log init --migrate" in raised.value.hint


def test_numbers_that_cannot_be_read_or_written_are_unavailable(tmp_path: Path) -> None:
    (tmp_path / "schema.json").mkdir()
    with pytest.raises(LogUnavailable, match="cannot be used: Is a directory"):
        csv_schema.check(tmp_path)
    with pytest.raises(LogUnavailable, match="cannot be used: No such file"):
        csv_schema.write(tmp_path / "gone")


def test_the_log_says_its_format_and_who_may_use_it(log: PredictionLog, tmp_path: Path) -> None:
    add(log)
    path = tmp_path / "schema.json"
    assert json.loads(path.read_text()) == {"version": 1, "format": 2}
    path.unlink()
    assert len(open_log(f"csv:{tmp_path}", SMALL).predictions()) == 1
    path.write_text('{"version": 99}')
    for use in (log.check, log.labeled, lambda: add(open_log(f"csv:{tmp_path}", SMALL))):
        with pytest.raises(LogSchemaMismatch, match="99"):
            use()
