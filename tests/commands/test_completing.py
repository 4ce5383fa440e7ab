"""A real zsh, at the first Tab."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.system.processes import HOUSING, environment


@pytest.mark.slow
def test_zsh_completes_at_the_first_tab(tmp_path: Path) -> None:
    shell = shutil.which("zsh")
    if shell is None:
        pytest.skip("zsh is not installed")
    path = os.pathsep.join([str(Path(HOUSING[0]).parent), os.environ["PATH"]])
    env = {**environment({"TERM": "xterm", "PATH": path}), "HOME": str(tmp_path)}
    command = Path(HOUSING[0]).with_name("housing")
    unasked = {**env, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    install = [str(command), "--install-completion", "zsh"]
    subprocess.run(install, capture_output=True, env=unasked, check=True)
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [shell, "-i"], stdin=child, stdout=child, stderr=child, env=env, cwd=tmp_path,
        start_new_session=True,
    )  # fmt: skip
    os.close(child)
    try:
        os.write(parent, b"PS1='re''ady> '\n")
        assert "ready> " in read_until(parent, "ready> ")
        os.write(parent, b"housing evaluate --metr\t")
        assert "--metric" in read_until(parent, "--metric")
    finally:
        process.kill()
        process.wait(20)
        os.close(parent)


def read_until(terminal: int, text: str) -> str:
    """Return what a terminal shows until `text` is among it, or nothing comes for a while."""
    shown = ""
    while text not in shown and select.select([terminal], [], [], 30)[0]:
        try:
            shown += os.read(terminal, 65536).decode(errors="replace")
        except OSError:
            break
    return shown
