"""What is said of a table fits a terminal, and the command it ends with works."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.loop.init import init
from housing_cli.show.init import result_of
from housing_cli.show.printer import emit
from tests.tables import ames_csv, california, king_county, madrid_csv


@pytest.mark.parametrize("shape", ["ames", "kc", "madrid", "california"])
def test_every_line_fits_80_columns(
    shape: str, workshop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = {
        "ames": lambda: ames_csv(300, 1),
        "kc": lambda: king_county(300, 1).to_csv(index=False).encode(),
        "madrid": lambda: madrid_csv(300, 1),
        "california": lambda: california(300, 1).to_csv().encode(),
    }[shape]()
    target = {"ames": "SalePrice", "kc": "price", "madrid": "precio"}.get(
        shape, "median_house_value"
    )
    Path("t.csv").write_bytes(raw)
    emit(result_of(init(Path("t.csv"), target)), as_json=False)
    out, err = capsys.readouterr()
    assert max(map(len, [*out.splitlines(), *err.splitlines()])) <= 80
    assert "left out: " in out
    assert err.endswith("next: housing train\n")
    assert len(out.splitlines()) <= 40


def test_a_long_name_is_cut_and_told_whole_in_json(workshop: Path) -> None:
    table = california(60, 1).rename(columns={"total_rooms": "r" * 60})
    table.to_csv("t.csv", index=False)
    result = result_of(init(Path("t.csv"), "median_house_value", name="a"))
    assert "r" * 23 + "…" in str(result.show[1])
    assert "r" * 60 in result.data["features"]
    assert result.data["next"] == "housing train --config configs/a.toml"
    assert result.data["train"] is None
