"""What the commands write is nobody else's to change, whatever the umask."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from tests.conftest import QUICK, SHIPPED
from tests.system.processes import HOUSING, environment


@pytest.mark.slow
@pytest.mark.parametrize("umask", ["000", "002", "077"])
def test_no_file_may_be_written_by_strangers(tmp_path: Path, umask: str) -> None:
    words = ["train", "--data-path", str(SHIPPED), *QUICK]
    script = f'umask {umask}; exec "$@"'
    subprocess.run(
        ["sh", "-c", script, "sh", *HOUSING, *words],
        cwd=tmp_path,
        env=environment(),
        check=True,
        capture_output=True,
    )
    modes = {path: path.stat().st_mode for path in tmp_path.rglob("*")}
    assert modes
    assert [path for path, mode in modes.items() if mode & stat.S_IWOTH] == []
    if umask == "077":
        assert [path for path, mode in modes.items() if mode & 0o077] == []
    if umask == "002":  # a registry that a group shares
        assert [path for path, mode in modes.items() if not mode & stat.S_IWGRP] == []
