"""What was found out of a table's file is said where it might be wrong."""

from __future__ import annotations

from pathlib import Path

from housing_cli.data.reading import Reading
from housing_cli.show.reading import reading_notes
from tests.conftest import QUICK, Housing, rows


def test_what_a_file_says_itself_is_not_told_again() -> None:
    assert reading_notes(Reading("csv", encoding="UTF-8", gzip=True)) == []


def test_sheet_and_units_are_told() -> None:
    notes = reading_notes(Reading("excel", sheet="Houses", units={"a": "m²", "y": "€", "b": "m²"}))
    assert notes == [
        "note: of several sheets, `Houses` was read",
        "note: numbers were read without their unit:\n  a, b: in m²\n  y: in €",
    ]


def test_an_old_encoding_is_said_by_train_and_in_json(workshop: Path, housing: Housing) -> None:
    lines = [f"{line};Chamberí" for line in [line.replace(",", ";") for line in rows()]]
    lines[0] = lines[0].replace("Chamberí", "barrio")
    (workshop / "t.csv").write_text("\n".join(lines), encoding="latin-1")
    said = housing("train", "--data-path", "t.csv", *QUICK)
    assert said.stderr.startswith(
        "note: not UTF-8; read as Latin-1, by which there is `Chamberí` on line 2\n"
    )
    assert all(len(line) <= 80 for line in said.stderr.splitlines())
    ran = housing("train", "--data-path", "t.csv", *QUICK, "--json")
    assert ran.json["data"]["read"] == {
        "format": "csv", "gzip": False, "encoding": "Latin-1", "sheet": None, "units": {},
    }  # fmt: skip
