"""How a table's file was read: what its reader may want to check at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from housing_cli.data.checks import Place

UTF8 = "UTF-8"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file was, as far as that was found out and not told.

    format: csv, parquet or excel. gzip: it was compressed. encoding: of text. sample: where that is
    not UTF-8, the first word by which one sees whether it is right, with its place. sheet: which of
    several. units: by column, what stood at every number (`€`, `m²`).
    """

    format: str = "csv"
    gzip: bool = False
    encoding: str = ""
    sample: str = ""
    sheet: str = ""
    units: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the payload of `--json`."""
        return {
            "format": self.format,
            "gzip": self.gzip,
            "encoding": self.encoding or None,
            "sheet": self.sheet or None,
            "units": dict(self.units),
        }


class Columns(NamedTuple):
    """The columns of a file as numbers or text, the names of its rows' places, how it was read."""

    columns: dict[str, pd.Series]
    place: Place
    reading: Reading
