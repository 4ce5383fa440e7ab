"""`housing promote`: how you ask to move an alias."""

from __future__ import annotations

from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, Reason, Sets, complete_ref
from housing_cli.errors import UsageError
from housing_cli.show.result import Result

EXAMPLE = "housing promote v3 --reason 'wins on recent rows'"


def command(
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="[REF]",
            help="v3, 3, latest, an alias or a unique tag.",
            autocompletion=complete_ref,
        ),
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="ALIAS", help="The alias to move.")
    ] = "production",
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Back to the previous production version.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Promote even what is worse; recorded.")
    ] = False,
    reason: Reason = "",
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Verify a version, compare it with what it replaces, and point an alias at it."""
    require_ref(ref, rollback, to)
    from housing_cli.config import load_settings
    from housing_cli.loop import promote as action
    from housing_cli.show.registry import promoted

    settings = load_settings(config, {}, sets or ())
    if rollback:
        return promoted(action.rollback(settings, reason=reason))
    return promoted(action.promote(settings, ref or "", to=to, force=force, reason=reason))


def require_ref(ref: str | None, roll_back: bool, to: str) -> None:
    """Raise `UsageError` unless exactly one of REF and `--rollback` was given."""
    if roll_back and to != "production":
        raise UsageError(
            f"`--rollback` moves `production` alone, not `{to}`",
            f"for example `housing promote v3 --to {to}`",
        )
    if ref is not None and roll_back:
        raise UsageError(
            f"`{ref}` and `--rollback` exclude each other",
            "name a version, or go back to the previous one",
        )
    if ref is None and not roll_back:
        raise UsageError("name a version, or use `--rollback`", "for example `housing promote v3`")
