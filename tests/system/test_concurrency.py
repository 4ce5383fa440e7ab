"""Many commands at once on one registry: no version is lost, and there is one production."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from housing_cli.loop.verify import verify_registry
from housing_cli.registry import ModelRegistry
from tests.conftest import QUICK
from tests.system.zygote import Zygote


def test_eight_trains_at_once_give_eight_versions_and_one_production(
    table: Path, workshop: Path
) -> None:
    train = ["train", "--data-path", table.name, *QUICK]
    with Zygote(workshop) as zygote:
        done = zygote.run(*[[*train, "--tag", f"t{number}"] for number in range(8)])
    assert [ran["code"] for ran in done] == [0] * 8
    registry = ModelRegistry(workshop / "artifacts")
    names = [f"v{number}" for number in range(1, 9)]
    assert verify_registry(registry).versions == names
    assert {version.metadata.tag for version in registry.versions()} == {f"t{n}" for n in range(8)}
    assert registry.aliases() == {"production": "v1"}
    events = Counter(event.event for event in registry.history())
    assert events == {"registered": 8, "promoted": 1}


def test_twenty_mixed_commands_at_once(table: Path, artifacts: Path) -> None:
    train = ["train", "--data-path", str(table), *QUICK]
    commands = [
        *[train] * 5,
        *[[*train, "--promote"]] * 3,
        *[["promote", "v1", "--force"], ["promote", "v2", "--force"]] * 2,
        ["promote", "--rollback"],
        ["registry", "gc", "--keep", "2"],
        ["registry", "gc", "--keep", "3"],
        *[["registry", "verify"]] * 2,
        ["registry", "ls"],
        ["registry", "history"],
        ["registry", "show", "production"],
    ]
    assert len(commands) == 20
    with Zygote(artifacts.parent) as zygote:
        done = zygote.run(*commands)
    # `promote` may lose a race, be told so, and change nothing; the others always succeed.
    for words, ran in zip(commands, done, strict=True):
        assert ran["code"] in ({0, 1} if words[0] == "promote" else {0}), words
    registry = ModelRegistry(artifacts)
    kept = verify_registry(registry).versions
    trained = [e.to for e in registry.history() if e.event == "registered"]
    assert trained == [f"v{number}" for number in range(1, 11)]
    removed = [e.from_ or "" for e in registry.history() if e.event == "removed"]
    assert sorted([*kept, *removed]) == sorted(map(str, trained))
    assert registry.resolve("production") in kept
    assert all(name in kept for name in registry.aliases().values())


def test_gc_beside_promotions_never_removes_what_an_alias_names(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    with Zygote(artifacts.parent) as zygote:
        for _ in range(5):
            names = ["v1", "v2", "v1", "v2"]
            zygote.run(
                *[["promote", name, "--force"] for name in names],
                *[["registry", "gc", "--keep", "1"]] * 2,
            )
            for name in registry.aliases().values():
                assert registry.resolve(name) == name
    verify_registry(registry)
