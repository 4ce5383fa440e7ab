"""What holds for every verb and every option: help, an example, `--config`, `--json`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from housing_cli import commands
from housing_cli.cli import app, make_app
from tests.conftest import Housing


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(path), command
        return
    for name in command.list_commands(None):
        yield from verbs(children[name], (*path, name))


VERBS = dict(verbs(get_command(app)))
OPTIONS = [(verb, param) for verb, command in VERBS.items() for param in command.params]


def test_these_are_the_verbs() -> None:
    registry = ["ls", "show", "diff", "history", "verify", "sign", "gc"]
    loop = [
        "train",
        "evaluate",
        "retrain",
        "serve",
        "promote",
        *(f"registry {v}" for v in registry),
    ]
    assert list(VERBS)[: len(loop)] == loop


def test_a_verb_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb without verbs of its own comes after those of the loop all the same."""
    (tmp_path / "forget.py").write_text(
        'EXAMPLE = "housing forget"\ndef command() -> None:\n    """Forget."""\n'
    )
    there = commands.verbs()
    for verb in there:
        (tmp_path / f"{verb}.py").touch()
    monkeypatch.setattr(commands, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    made: Any = get_command(make_app())
    assert made.list_commands(None) == [
        *commands.LOOP,
        *sorted({*there, "forget"}.difference(commands.LOOP)),
    ]


def test_every_verb_is_a_command_or_an_app() -> None:
    for verb in commands.verbs():
        module = importlib.import_module(f"housing_cli.commands.{verb}")
        assert hasattr(module, "app") or callable(module.command), verb


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_an_example_of_itself(verb: str, housing: Housing) -> None:
    command = VERBS[verb]
    assert command.help and command.help.rstrip().endswith(".")
    assert command.epilog.startswith(f"Example: housing {verb}")
    ran = housing(*verb.split(), "--help")
    assert ran.code == 0
    assert f"Example: housing {verb}" in ran.stdout


@pytest.mark.parametrize(("verb", "param"), OPTIONS, ids=lambda p: getattr(p, "name", p))
def test_every_option_has_help(verb: str, param: Any) -> None:
    assert param.help and len(param.help) > 4
    assert param.help.endswith(".")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_config_and_all_but_serve_json(verb: str) -> None:
    names = {name for param in VERBS[verb].params for name in getattr(param, "opts", ())}
    assert "--config" in names
    assert ("--json" in names) == (verb != "serve")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_reads_its_words_without_pydantic(verb: str) -> None:
    from housing_cli.commands import values

    for param in VERBS[verb].params:
        assert values.kind_of(param) is not None, param.name


@pytest.mark.parametrize("verb", VERBS)
def test_a_typo_is_a_usage_error_and_never_degraded(verb: str, housing: Housing) -> None:
    ran = housing(*verb.split(), "--thershold", "0.1", "--json")
    assert ran.code == ran.json["exit_code"] == 64
    assert (ran.json["command"], ran.json["status"]) == (verb, "usage")
    assert list(ran.json) == ["command", "status", "exit_code", "data", "errors"]
