"""What a container leaves of its memory."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from housing_cli.config.memory import free_memory


@pytest.mark.parametrize(
    ("limit", "free"), [("1000\n", 650), ("max\n", math.inf), ("a lot", math.inf)]
)
def test_files_in_memory_do_not_count(tmp_path: Path, limit: str, free: float) -> None:
    (tmp_path / "memory.max").write_text(limit)
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 50\nfile 100\n")
    assert free_memory(tmp_path) == free


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert free_memory(tmp_path) == math.inf
