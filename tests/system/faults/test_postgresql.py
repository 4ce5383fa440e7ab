"""Every fault that a log in PostgreSQL can meet: see `matrix`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.faults import matrix


@pytest.mark.parametrize("fault", matrix.faults("postgresql"))
def test_cell(fault: str, artifacts: Path) -> None:
    matrix.check_cell("postgresql", fault, artifacts.parent)
