"""`housing demo`: the README's loop, to the figure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Housing
from tests.system.processes import environment
from tests.system.processes import housing as command

README = (ROOT / "README.md").read_text()
# When it was, how late labels came and which ids there are, is the hour's and the machine's affair.
VARYING = [
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"(\d{4}-)?\d\d-\d\d \d\d:\d\d", "TIME"),
    (r"(labels: \d+ of the newest \d+ predictions), after .*", r"\1"),
]


def steady(text: str) -> list[str]:
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text.splitlines()


@pytest.mark.slow
def test_the_loop_in_the_readme_is_what_the_demo_prints(tmp_path: Path) -> None:
    block = re.search(r"```console\n\$ (housing demo --into (\S+))\n(.*?)```", README, re.DOTALL)
    assert block is not None
    folder = tmp_path / block[2]
    done = command(
        *block[1].split()[1:], cwd=tmp_path, timeout=600, env={"PYTHONIOENCODING": "utf-8"}
    )
    assert done.code == 0, done.stderr
    assert steady(done.stdout) == steady(block[3])
    assert done.stderr.endswith(f"next: cd {block[2]} && housing status\n")
    assert command("status", cwd=folder).stdout.startswith("v2 is healthy: ")
    assert command("registry", "verify", cwd=folder).code == 0
    assert command("evaluate", "--version", "v1", cwd=folder).code == 2


def test_a_folder_that_is_not_empty_stays_as_it_is(workshop: Path, housing: Housing) -> None:
    (workshop / "mine.txt").write_text("mine")
    for words in ((), ("--into", ".")):
        ran = housing("demo", *words)
        assert ran.code == 64
        assert "hint: name a new directory: `housing demo --into housing-demo`" in ran.stderr
    assert [file.name for file in workshop.iterdir()] == ["mine.txt"]


def test_a_settings_file_chooses_the_model_and_never_the_places(
    workshop: Path, housing: Housing
) -> None:
    quick = workshop / "quick.toml"
    quick.write_text("[model.params]\nn_estimators = 20\n[train]\nrepeats = 1\n")
    ran = housing("demo", "--into", "played", "--config", "quick.toml", "--json")
    assert ran.code == 0, ran.stderr
    steps = ran.json["data"]["steps"]
    assert [step["exit_code"] for step in steps] == [0, 0, 2, 0, 0]
    assert steps[0]["command"] == f"housing train --tag first --config {quick}"
    assert steps[2]["data"]["next"]["command"] == f"housing retrain --promote --config {quick}"
    assert ran.stderr.endswith(f"next: cd played && housing status --config {quick}\n")
    assert sorted(file.name for file in workshop.iterdir()) == ["played", "quick.toml"]
    quick.write_text('[registry]\npath = "/in/use"\n')
    refused = housing("demo", "--into", "again", "--config", "quick.toml")
    assert refused.code == 64 and "`[registry]`" in refused.stderr
    assert not (workshop / "again").exists()


def test_it_ends_where_nobody_reads(workshop: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [sys.executable, "-m", "housing_cli", "demo"], cwd=workshop, env=environment(),
        stdout=write, stderr=subprocess.PIPE,
    ) as played:  # fmt: skip
        os.close(write)
        _, said = played.communicate(timeout=60)
    assert (played.returncode, said) == (0, b"")
