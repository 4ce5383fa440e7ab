"""The table that comes with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.data import shipped
from housing_cli.errors import DataError
from tests.conftest import SHIPPED


def test_the_clone_has_it_in_its_data_folder() -> None:
    assert shipped.shipped_table() == SHIPPED.read_text()


def test_a_wheel_has_it_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "pkg" / "data" / "shipped.py"))
    with pytest.raises(DataError) as missing:
        shipped.shipped_table()
    assert missing.value.hint
    (tmp_path / "pkg" / "data").mkdir(parents=True)
    (tmp_path / "pkg" / "data" / shipped.NAME).write_text("A,MEDV\n1,2\n")
    assert shipped.shipped_table() == "A,MEDV\n1,2\n"
