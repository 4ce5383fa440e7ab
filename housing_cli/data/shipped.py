"""The table that comes with the package: Boston housing, 506 rows (see data/README.md)."""

from __future__ import annotations

from pathlib import Path

from housing_cli.errors import DataError

NAME = "HousingData.csv"
UNITS = {
    "CRIM": "crimes per capita", "ZN": "%", "INDUS": "%", "NOX": "parts per 10 million",
    "RM": "rooms", "AGE": "%", "DIS": "weighted distance index", "RAD": "index, 1 to 24",
    "TAX": "USD per 10,000 USD", "PTRATIO": "pupils per teacher", "LSTAT": "%", "MEDV": "1000 USD",
}  # fmt: skip
"""Of its columns, as far as data/README.md knows them."""


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
