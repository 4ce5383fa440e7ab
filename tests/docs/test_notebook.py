"""The code of docs/notebook.md runs where a registry and a log are, and tells the truth."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docs.claims import ROOT, WRITTEN


@pytest.fixture
def cells(workshop: Path) -> dict[str, Any]:
    """Return the names that the page's code makes, run as one notebook."""
    shutil.copytree(WRITTEN / "artifacts", workshop / "artifacts")
    shutil.copytree(WRITTEN / "logs", workshop / "logs")
    page = (ROOT / "docs" / "notebook.md").read_text()
    made: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "docs/notebook.md", "exec"), made)
    return made


def test_pandas_and_the_package_read_the_same_labeled_rows(cells: dict[str, Any]) -> None:
    labeled, rows = cells["labeled"], cells["rows"].dropna(subset="real_price")
    rows = rows[rows["model_version"] == "v1"]
    assert len(labeled) == len(rows) > 100
    assert labeled.predicted.tolist() == rows["predicted_price"].tolist()
    assert labeled.real.tolist() == rows["real_price"].tolist()
    assert cells["by_version"].loc["v1", "mean"] == pytest.approx(cells["bias"])


def test_the_python_api_says_the_same(cells: dict[str, Any]) -> None:
    rows, logged = cells["rows"], cells["logged"]
    assert logged["id"].tolist() == rows["id"].tolist()
    assert logged["real_price"].equals(rows["real_price"])
    assert (cells["late"].dropna() >= cells["pd"].Timedelta(0)).all()
    assert cells["around"]["lower"][0] <= cells["price"][0] <= cells["around"]["upper"][0]
    assert cells["verdict"] in ("healthy", "degraded")
    assert cells["ratio"] == cells["judged"].data["ratio"]


def test_the_version_gives_the_rows_the_prices_that_the_log_has(cells: dict[str, Any]) -> None:
    labeled = cells["labeled"]
    assert labeled.features.shape == (len(labeled), len(cells["columns"]))
    assert cells["prices"] == pytest.approx(labeled.predicted, rel=1e-9)
    assert cells["baseline"] > 0
