"""Words of the command line are read without pydantic, and no verb falls back on it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from housing_cli.commands import values
from tests.conftest import Housing

app = typer.Typer()


@app.command()
def show(
    names: list[str],
    n: Annotated[int, typer.Option(min=1, max=9)] = 1,
    share: float = 0.5,
    loud: bool = False,
) -> None:
    """Print what was read."""
    print(repr((names, n, share, loud)))


def ran(*words: str) -> tuple[int, str]:
    values.install()
    done = CliRunner().invoke(app, words)
    return done.exit_code, done.output


def test_every_kind_is_read() -> None:
    assert ran("a", "b", "--n", "3", "--share", "1e-3", "--loud") == (
        0, "(['a', 'b'], 3, 0.001, True)\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--n", "1.5"), "is not a whole number"),
        (("--n", "0"), "is below 1"),
        (("--n", "10"), "is above 9"),
        (("--share", "nan"), "is not a finite number"),
        (("--share", "many"), "is not a finite number"),
    ],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], said: str) -> None:
    code, output = ran("a", *words)
    assert code != 0
    assert said in " ".join(output.split())


def test_the_way_into_typer_is_there_and_keeps_pydantic_out() -> None:
    """Typer promises none of this: before its bound in pyproject.toml moves, this must pass."""
    code = (
        "import sys; from housing_cli.cli import app; "
        "app(['registry', 'gc', '--keep', '3', '--dry-run'], standalone_mode=False); "
        "sys.exit('pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    why = f"Typer {version('typer')} reads words another way: see housing_cli/commands/values.py"
    assert done.returncode == 0, why


def test_a_bad_word_is_named_with_its_option(housing: Housing) -> None:
    ran = housing("registry", "gc", "--keep", "few")
    assert ran.code == 64
    assert ran.stderr.startswith("error: invalid value for `--keep`: `few` is not a whole number\n")
