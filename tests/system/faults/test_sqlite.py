"""Every fault that a log in SQLite can meet: see `matrix`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.faults import matrix


@pytest.mark.parametrize("fault", matrix.faults("sqlite"))
def test_cell(fault: str, artifacts: Path) -> None:
    matrix.check_cell("sqlite", fault, artifacts.parent)
