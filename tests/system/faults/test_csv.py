"""Every fault that a log in csv can meet: see `matrix`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system.faults import matrix


@pytest.mark.parametrize("fault", matrix.faults("csv"))
def test_cell(fault: str, artifacts: Path) -> None:
    matrix.check_cell("csv", fault, artifacts.parent)
