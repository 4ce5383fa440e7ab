"""`housing registry`: how you look at versions, aliases and history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from housing_cli.commands.options import Config, Json, Ref, complete_ref
from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.show.output import Result, Table, describe

if TYPE_CHECKING:
    from housing_cli.registry import ModelRegistry, Version

app = typer.Typer(
    help="List, show, compare, verify and clean up versions.",
    epilog="Example: housing registry ls",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _open(config: Any) -> ModelRegistry:
    from housing_cli.config import load_settings
    from housing_cli.registry import ModelRegistry

    settings = load_settings(config)
    return ModelRegistry(settings.registry.path, settings.registry.lock_timeout)


def _summary(version: Version, aliases: dict[str, str]) -> dict[str, Any]:
    metadata = version.metadata
    return {
        "version": version.name,
        "aliases": [alias for alias, name in aliases.items() if name == version.name],
        "tag": metadata.tag,
        "created": metadata.created,
        "parent": metadata.parent,
        "rows": metadata.data.rows,
        **{name: metadata.metrics.get(name) for name in (*METRICS, "r2")},
    }


@app.command("ls", epilog="Example: housing registry ls --json")
def ls(config: Config = None, as_json: Json = False) -> Result:
    """List the versions, newest first."""
    registry = _open(config)
    aliases = registry.aliases()
    found, broken = registry.survey()
    versions = [_summary(version, aliases) for version in reversed(found)]
    columns = ["version", "aliases", "tag", "created", "parent", "rows", *METRICS, "r2"]
    rows = [
        [", ".join(v["aliases"]) or None if c == "aliases" else v[c] for c in columns]
        for v in versions
    ]
    return Result(
        "registry ls",
        {"versions": versions, "aliases": aliases},
        show=[Table(columns, rows)] if rows else (),
        notes=() if rows or broken else ["no versions yet; next: housing train"],
        # One that cannot be read must not hide the others.
        status="error" if broken else "ok",
        exit_code=ExitCode.FAILURE if broken else ExitCode.OK,
        errors=[describe(error) for error in broken.values()],
    )


@app.command("show", epilog="Example: housing registry show production")
def show(
    ref: Ref,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write a model card as well.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Show all that is known of one version."""
    import msgspec

    registry = _open(config)
    version = registry.get(ref)
    if report is not None:
        from housing_cli.show.card import write_card

        write_card(report, registry, version)
    described = msgspec.to_builtins(version.metadata)
    golden = described.pop("golden")
    described["golden_rows"] = len(golden["outputs"])
    summary = _summary(version, registry.aliases())
    data = {**described, "version": version.name, "aliases": summary["aliases"]}
    facts = [[key, value] for key, value in _flat({**summary, **described}).items()]
    return Result("registry show", data, show=[Table(["key", "value"], facts, version.name)])


@app.command("diff", epilog="Example: housing registry diff previous production")
def diff(a: Ref, b: Ref, config: Config = None, as_json: Json = False) -> Result:
    """Show in what two versions differ."""
    import msgspec

    registry = _open(config)
    first, second = registry.get(a), registry.get(b)
    left, right = (
        _flat({k: x for k, x in msgspec.to_builtins(v.metadata).items() if k != "golden"})
        for v in (first, second)
    )
    keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
    changed = {key: {"a": left.get(key), "b": right.get(key)} for key in keys}
    rows = [[key, left.get(key), right.get(key)] for key in keys]
    same = f"{first.name} and {second.name} are the same in all that is recorded"
    return Result(
        "registry diff",
        {"a": first.name, "b": second.name, "changed": changed},
        show=[Table(["key", first.name, second.name], rows) if rows else same],
    )


@app.command("history", epilog="Example: housing registry history")
def history(config: Config = None, as_json: Json = False) -> Result:
    """Show who moved what, when and why, newest first."""
    import msgspec

    events = [msgspec.to_builtins(event) for event in reversed(_open(config).history())]
    columns = ["when", "who", "event", "alias", "from", "to", "why"]
    rows = [[event[column] for column in columns] for event in events]
    return Result(
        "registry history",
        {"events": events},
        show=[Table(columns, rows)] if rows else (),
        notes=() if rows else ["nothing happened yet; next: housing train"],
    )


@app.command("verify", epilog="Example: housing registry verify production")
def verify(
    ref: Annotated[
        str | None,
        typer.Argument(metavar="[REF]", help="Default: all.", autocompletion=complete_ref),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Check hashes, golden rows, aliases and the chain of the history."""
    from housing_cli.loop.verify import verify_registry

    verified = verify_registry(_open(config), ref)
    versions, events = len(verified.versions), verified.events
    said = f"{versions} version{'s' * (versions != 1)}, {events} event{'s' * (events != 1)}"
    said = f"{verified.versions[0]}: as recorded" if ref else f"{said}: all as recorded"
    data = {"versions": verified.versions, "events": verified.events}
    return Result("registry verify", data, show=[said])


@app.command("gc", epilog="Example: housing registry gc --keep 10 --dry-run")
def gc(
    keep: Annotated[int, typer.Option("--keep", metavar="N", min=1, help="How many to keep.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Remove old versions; those that an alias names always stay."""
    removed = _open(config).gc(keep, dry_run=dry_run)
    verb = "would remove" if dry_run else "removed"
    said = f"{verb} {', '.join(removed)}" if removed else "nothing to remove"
    return Result("registry gc", {"removed": removed, "dry_run": dry_run}, show=[said])


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested dicts as one with dotted keys; lists as text."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(item, f"{prefix}{key}.")
        else:
            flat[prefix + key] = (
                ", ".join(map(str, item)) if isinstance(item, list | tuple) else item
            )
    return flat
