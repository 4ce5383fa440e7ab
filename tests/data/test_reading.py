"""What was found out of a file goes with its rows."""

from __future__ import annotations

import gzip
from pathlib import Path

from housing_cli.data.reading import Reading
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_table


def test_what_is_not_known_is_null() -> None:
    assert Reading().as_dict() == {
        "format": "csv", "gzip": False, "encoding": None, "sheet": None, "units": {},
    }  # fmt: skip


def test_a_table_knows_how_it_was_read(tmp_path: Path) -> None:
    text = "año;€\n95 m²;1\n96 m²;2\n"
    file = tmp_path / "t.csv.gz"
    file.write_bytes(gzip.compress(text.encode("cp1252")))
    reading = read_table(file, FeatureSchema(("año",), "€")).reading
    assert reading == Reading(
        "csv", gzip=True, encoding="Windows-1252", sample="`año` on line 1", units={"año": "m²"}
    )
