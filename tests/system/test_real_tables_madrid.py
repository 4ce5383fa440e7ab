"""A portal of Madrid: Windows' Latin-1, semicolons, an index without a name, `1.450.000 €`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.system.real_tables import MOVED, began, off, priced, requests_of, the_loop_closes
from tests.tables import madrid, madrid_csv


def number(text: str) -> float:
    """Return the number of `1.450.000 €`."""
    return float(text.split(maxsplit=1)[0].replace(".", ""))


def test_the_loop_closes_on_madrid(tmp_path: Path) -> None:
    bench, made = began(tmp_path, "madrid.csv", madrid_csv(600, 1), "precio")
    assert "note: not UTF-8; read as Windows-1252" in made.stderr
    assert "  precio: in €\n" in made.stderr
    assert "a column without a name: an index" in made.stdout
    fresh = madrid(120, 2)
    features = ["distrito", "superficie", "habitaciones", "planta", "ascensor", "estado"]
    asked = fresh.assign(
        superficie=fresh["superficie"].map(number), planta=fresh["planta"].replace("", None)
    )
    rows = requests_of(asked, features)
    prices = fresh["precio"].map(number).tolist()
    answers = the_loop_closes(bench, rows, prices)
    assert off(answers, prices) < 0.25
    # In the file's own hand: semicolons and decimal commas.
    written = priced(bench, "madrid.csv").str.replace(",", ".").astype(float)
    assert len(written) == 600
    assert written.median() == pytest.approx(fresh["precio"].map(number).median() * MOVED, rel=0.4)
    logged = pd.read_csv(tmp_path / "logs" / "madrid" / "predictions.csv")
    assert list(logged)[3:-1] == features
    assert (logged["superficie"] == asked["superficie"].iloc[0]).any()
