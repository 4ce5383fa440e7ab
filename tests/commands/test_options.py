"""Options that several verbs share: the same everywhere, and what a shell completes."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest

from housing_cli.commands import evaluate, options, promote, retrain, serve, train
from housing_cli.commands.options import complete_ref
from housing_cli.registry import ModelRegistry
from tests.conftest import Housing
from tests.registry.versions import add, registry_of

VERBS = [train, evaluate, retrain, promote, serve]


def declared(verb: object) -> dict[str, object]:
    hints = typing.get_type_hints(verb.command, include_extras=True)  # type: ignore[attr-defined]
    return {name: kind for name, kind in hints.items() if name != "return"}


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__.rpartition(".")[2])
def test_what_is_shared_is_declared_once(verb: object) -> None:
    shared = {
        "config": options.Config, "as_json": options.Json, "sets": options.Sets,
        "data_path": options.DataPath, "tag": options.Tag, "reason": options.Reason,
    }  # fmt: skip
    found = declared(verb)
    assert found["config"] == options.Config
    for name in shared.keys() & found.keys():
        assert found[name] == shared[name], name


def test_who_serves_needs_not_what_was_said_of_learning() -> None:
    sets = ["model.params.n_estimators=20", "train.seed=3", "serve.port=8001"]
    assert (
        options.served_with(Path("mine.toml"), sets) == " --config mine.toml --set serve.port=8001"
    )
    assert options.served_with(None, sets[:2]) == ""


@pytest.mark.parametrize("option", ["--data-path", "--data_path"])
def test_the_table_is_named_by_either_spelling(housing: Housing, option: str) -> None:
    ran = housing("train", option, "gone.csv")
    assert (ran.code, ran.stderr.splitlines()[0]) == (1, "error: `gone.csv` does not exist")


@pytest.fixture
def registry(workshop: Path) -> ModelRegistry:
    """v1 (production, tag `first`) and v2 without a tag, where a command looks for them."""
    made = registry_of(workshop / "artifacts", 0)
    add(made, "first")
    add(made)
    return made


def test_a_shell_completes_aliases_versions_and_tags_with_what_they_are(
    registry: ModelRegistry,
) -> None:
    assert dict(complete_ref("")) == {
        "production": "v1",
        "v2": "2026-11-23",
        "v1": "first",
        "first": "v1",
    }
    assert dict(complete_ref("v")) == {"v2": "2026-11-23", "v1": "first"}
    assert list(complete_ref("x")) == []


def test_a_tag_that_is_an_aliass_name_does_not_hide_it(registry: ModelRegistry) -> None:
    add(registry, "staging")
    registry.point("staging", registry.get("v2"))
    assert dict(complete_ref("staging")) == {"staging": "v2"}


def test_a_shell_that_completes_is_told_of_no_error(workshop: Path) -> None:
    assert list(complete_ref("")) == []
    (workshop / "configs").mkdir()
    (workshop / "configs" / "housing.toml").write_text("broken")
    assert list(complete_ref("")) == []


def test_what_cannot_be_read_is_left_out(registry: ModelRegistry) -> None:
    (registry.directory("v1") / "metadata.json").write_text("{")
    assert dict(complete_ref("")) == {"production": "v1", "v2": "2026-11-23"}
