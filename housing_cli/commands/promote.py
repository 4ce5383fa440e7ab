"""`housing promote`: how you ask to move an alias."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from housing_cli.commands.options import Config, Json, Reason, Sets, complete_ref, served_with
from housing_cli.errors import UsageError
from housing_cli.registry.names import PASSING
from housing_cli.show.result import Result

if TYPE_CHECKING:
    from housing_cli.config import Settings

MOST = 100.0
LONGEST_NAME = 100
PRINT, APPLY = "print", "apply"
"""What can be done with a route."""
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
        typer.Option(
            "--abort", help="Give up the canary (without one, the shadow), or what `--to` names."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Promote even what is worse; recorded.")
    ] = False,
    reason: Reason = "",
    approved_by: Annotated[
        str | None,
        typer.Option("--approved-by", metavar="NAME", help="Who approves it as production."),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            "--route",
            metavar="print|apply",
            help="The HTTPRoute of Kubernetes that follows: print it, or tell it by kubectl.",
        ),
    ] = None,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Verify a version, compare it with what it replaces, and point an alias at it."""
    require_ref(ref, to, rollback=rollback, abort=abort, weight=weight, route=route)
    if approved_by is not None:
        require_name(approved_by, ref, to)
    from housing_cli.config import load_settings
    from housing_cli.loop import promote as action
    from housing_cli.loop import trials
    from housing_cli.show.approval import approver
    from housing_cli.show.promote import aborted, promoted

    settings = load_settings(config, {}, sets or ())
    asked = served_with(config, sets)

    def moved() -> Result | None:
        if rollback:
            return promoted(action.rollback(settings, reason=reason), asked)
        if abort:
            return aborted(trials.abort(settings, to, reason=reason))
        if ref is not None:
            alias = to or "production"
            return promoted(
                action.promote(
                    settings, ref, to=alias, weight=weight, force=force, reason=reason,
                    approve=approver(settings, approved_by),
                ),
                asked,
            )  # fmt: skip
        if weight is not None:
            return promoted(trials.reweigh(settings, weight, reason=reason), asked)
        return None

    # Nothing may keep anybody from going back: there the route is told, and not asked first.
    return _routed(settings, moved, route, ask=not (abort or rollback), carried=asked)


def _routed(
    settings: Settings,
    moved: Callable[[], Result | None],
    route: str | None,
    *,
    ask: bool,
    carried: str,
) -> Result:
    """Move an alias, and let the route follow where one is asked for; `None`: nothing moves.

    ask: a cluster that would not take the route is found out before anything moves. Raises
    `RouteError`; the alias has moved where it says so.
    """
    from housing_cli.errors import RouteError
    from housing_cli.loop import route as routes
    from housing_cli.show.route import routed, standing, untold

    if route == APPLY and ask:
        routes.rehearse(settings)
    result = moved()
    if route is None and result is not None:
        return result
    trial = routes.canary(settings)
    result = result or standing(trial)
    if route == APPLY:
        try:
            trial = routes.follow(settings)
        except RouteError as error:
            raise untold(result, error, carried) from None
    percent = trial.weight if trial else 0.0
    manifest, weights = routes.manifest(settings, percent), routes.weights(percent)
    return routed(result, manifest, weights, applied=route == APPLY)


def require_ref(
    ref: str | None,
    to: str | None,
    *,
    rollback: bool,
    abort: bool,
    weight: float | None,
    route: str | None = None,
) -> None:
    """Raise `UsageError` unless the words ask for one thing.

    That is: a REF, `--rollback`, `--abort`, `--weight` alone, which moves a canary's share, or
    `--route` alone, which moves nothing.
    """
    if route not in {None, PRINT, APPLY}:
        raise UsageError(
            f"`--route {route}` is neither `{PRINT}` nor `{APPLY}`",
            "print the route, or let `kubectl` tell a cluster",
        )
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
    elif not asked and (to is not None or route is None):
        raise UsageError("name a version, or use `--rollback`", "for example `housing promote v3`")


def require_name(name: str, ref: str | None, to: str | None) -> None:
    """Raise `UsageError` where somebody approves what needs no approval, or has no name."""
    if ref is None or to not in {None, "production"}:
        raise UsageError(
            "`--approved-by` is of a version that becomes production",
            "for example `housing promote v3 --approved-by NAME`; going back, giving up and "
            "trying need no approval",
        )
    if not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UsageError(
            "`--approved-by` names nobody",
            f"give the name of who approves it, {LONGEST_NAME} printable characters at most",
        )


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
