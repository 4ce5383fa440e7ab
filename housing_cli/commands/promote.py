"""`housing promote`: how you ask to move an alias."""

from __future__ import annotations

from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, Reason, Sets, complete_ref, served_with
from housing_cli.errors import UsageError
from housing_cli.registry.names import PASSING
from housing_cli.show.result import Result

MOST = 100.0
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
        str | None,
        typer.Option(
            "--to",
            metavar="ALIAS",
            help="The alias to move; default production. `shadow` prices every row beside it, "
            "`canary` answers a part of them.",
        ),
    ] = None,
    weight: Annotated[
        float | None,
        typer.Option("--weight", metavar="PERCENT", help="Of the rows, for a canary; default 10."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Back to the previous production version.")
    ] = False,
    abort: Annotated[
        bool,
        typer.Option("--abort", help="Give up the canary, or what `--to` names that is tried."),
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
    require_ref(ref, to, rollback=rollback, abort=abort, weight=weight)
    from housing_cli.config import load_settings
    from housing_cli.loop import promote as action
    from housing_cli.loop import trials
    from housing_cli.show.promote import aborted, promoted

    settings = load_settings(config, {}, sets or ())
    asked = served_with(config, sets)
    if rollback:
        return promoted(action.rollback(settings, reason=reason), asked)
    if abort:
        return aborted(trials.abort(settings, to, reason=reason))
    if ref is None:
        return promoted(trials.reweigh(settings, weight or 0.0, reason=reason), asked)
    to = to or "production"
    moved = action.promote(settings, ref, to=to, weight=weight, force=force, reason=reason)
    return promoted(moved, asked)


def require_ref(
    ref: str | None, to: str | None, *, rollback: bool, abort: bool, weight: float | None
) -> None:
    """Raise `UsageError` unless the words ask for one thing.

    That is: a REF, `--rollback`, `--abort`, or `--weight` alone, which moves a canary's share.
    """
    if rollback and to not in {None, "production"}:
        raise UsageError(
            f"`--rollback` moves `production` alone, not `{to}`",
            f"for example `housing promote v3 --to {to}`",
        )
    if abort and to not in {None, *PASSING}:
        raise UsageError(
            f"`--abort` gives up `canary`, `shadow` or `candidate`, not `{to}`",
            "for example `housing promote --abort --reason TEXT`, or `--rollback` for production",
        )
    asked = [f"`{ref}`"] if ref is not None else []
    flags = {"--rollback": rollback, "--abort": abort}
    asked += [f"`{name}`" for name, given in flags.items() if given]
    if len(asked) > 1:
        raise UsageError(
            f"{asked[0]} and {asked[1]} exclude each other",
            "name a version, go back to the previous one, or give up what is tried",
        )
    if weight is not None:
        _require_canary(ref, to, weight, beside=asked[0] if rollback or abort else "")
    elif not asked:
        raise UsageError("name a version, or use `--rollback`", "for example `housing promote v3`")


def _require_canary(ref: str | None, to: str | None, weight: float, *, beside: str) -> None:
    """Raise `UsageError` where a weight is none, or of something else than a canary."""
    if beside:
        raise UsageError(f"`--weight` and {beside} exclude each other", "ask for one of them")
    if to not in {None, "canary"} or (ref is not None and to is None):
        raise UsageError(
            "`--weight` is what a canary answers",
            f"for example `housing promote {ref or 'v3'} --to canary --weight {weight:g}`"
            if ref != "canary"
            else f"`housing promote --weight {weight:g}` changes what it has",
        )
    if not 0 < weight <= MOST:
        raise UsageError(
            f"`--weight {weight:g}` is no percent of the rows",
            "give one above 0, up to 100; `housing promote --abort` ends the canary",
        )
