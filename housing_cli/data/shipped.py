"""The table that comes with the package: Boston housing, 506 rows (see data/README.md)."""

from __future__ import annotations

from pathlib import Path

from housing_cli.errors import DataError

NAME = "HousingData.csv"


def shipped_table() -> str:
    """Return the text of the shipped table: out of the wheel, or of the clone this is run from.

    Raises `DataError` where it is in neither.
    """
    here = Path(__file__).parent
    for file in (here / NAME, here.parents[1] / "data" / NAME):
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise DataError(
        f"the shipped table `{NAME}` is not in this installation",
        "install the wheel, or run `housing` from a clone",
    )
