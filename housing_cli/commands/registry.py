"""`housing registry`: how you look at versions, aliases and history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from housing_cli.commands.options import Config, Json, Ref, Sets, complete_ref, first_step
from housing_cli.errors import UsageError
from housing_cli.show.result import Result

if TYPE_CHECKING:
    from housing_cli.registry import ModelRegistry

app = typer.Typer(
    help="List, show, compare, verify, sign and clean up versions.",
    epilog="Example: housing registry ls",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _open(config: Path | None, sets: Sequence[str] | None = None) -> ModelRegistry:
    from housing_cli.config import load_settings
    from housing_cli.registry import open_registry

    return open_registry(load_settings(config, {}, sets or ()))


@app.command("ls", epilog="Example: housing registry ls --json")
def ls(config: Config = None, as_json: Json = False) -> Result:
    """List the versions, newest first."""
    from housing_cli.show import registry as shown

    return shown.listed(_open(config), first_step(config))


@app.command("show", epilog="Example: housing registry show production")
def show_one(
    ref: Ref,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write a model card as well.")
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Show all that is known of one version."""
    from housing_cli.show import registry as shown

    registry = _open(config)
    version = registry.get(ref)
    if report is not None:
        from housing_cli.show.card import write_card

        write_card(report, registry, version)
    return shown.described(version, registry.aliases())


@app.command("diff", epilog="Example: housing registry diff previous production")
def diff(a: Ref, b: Ref, sets: Sets = None, config: Config = None, as_json: Json = False) -> Result:
    """Show in what two versions differ."""
    from housing_cli.show import registry as shown

    registry = _open(config, sets)
    return shown.difference(registry.get(a), registry.get(b))


@app.command("history", epilog="Example: housing registry history")
def history(config: Config = None, as_json: Json = False) -> Result:
    """Show who moved what, when and why, newest first."""
    from housing_cli.show import registry as shown

    return shown.told(_open(config).history(), first_step(config))


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
    from housing_cli.show import registry as shown

    return shown.proved(verify_registry(_open(config), ref), one=bool(ref))


@app.command("sign", epilog="Example: housing registry sign --new-key housing.key")
def sign(
    ref: Annotated[
        str | None,
        typer.Argument(metavar="[REF]", help="Default: all.", autocompletion=complete_ref),
    ] = None,
    untrusted: Annotated[
        bool,
        typer.Option(
            "--untrusted", help="Sign also what no trusted key signed: you vouch for what it is."
        ),
    ] = False,
    new_key: Annotated[
        Path | None,
        typer.Option("--new-key", metavar="FILE", help="Only make a signing key in a new file."),
    ] = None,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Sign the versions that are there, and the aliases that name them, once all are verified."""
    from housing_cli.config import load_settings
    from housing_cli.loop.sign import sign as sign_them
    from housing_cli.show import registry as shown

    if new_key is not None:
        if ref is not None or untrusted:
            raise UsageError("`--new-key` signs nothing", "make the key first, then sign with it")
        from housing_cli.registry.keys import write_new_key

        return shown.key_made(new_key, write_new_key(new_key))
    return shown.signed(sign_them(load_settings(config, {}, sets or ()), ref, untrusted=untrusted))


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
    from housing_cli.show import registry as shown

    return shown.removed(_open(config).gc(keep, dry_run=dry_run), dry_run=dry_run)
