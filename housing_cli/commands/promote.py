"""`housing promote`: how you ask to move an alias."""

from __future__ import annotations

from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, Reason, complete_ref
from housing_cli.show.output import Result

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
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Verify a version, compare it with what it replaces, and point an alias at it."""
    from housing_cli.config import load_settings
    from housing_cli.loop import promote as action

    action.require_ref(ref, rollback, to)
    settings = load_settings(config)
    if rollback:
        moved = action.rollback(settings, reason=reason)
    else:
        moved = action.promote(settings, ref or "", to=to, force=force, reason=reason)
    name = moved.version.name
    was = f" (was {moved.replaced})" if moved.replaced else ""
    said = f"{moved.alias} is {name}{was}" if moved.event else f"{moved.alias} is {name} already"
    return Result(
        "promote",
        {
            "version": name,
            "alias": moved.alias,
            "from": moved.replaced,
            "to": name,
            "changed": moved.event is not None,
            "evidence": dict(moved.event.evidence) if moved.event else {},
        },
        show=[said],
    )
