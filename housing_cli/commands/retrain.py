"""`housing retrain`: how you ask for a challenger."""

from __future__ import annotations

from typing import Annotated

import typer

from housing_cli.commands.options import Config, DataPath, Json, Sets, Tag, carried
from housing_cli.errors import UsageError
from housing_cli.registry.names import PASSING, PRODUCTION
from housing_cli.show.printer import progress_bars
from housing_cli.show.result import Result

EXAMPLE = "housing retrain --promote --tag after-the-shift"


def command(
    promote: Annotated[
        bool, typer.Option("--promote", help="Make the challenger production if it wins.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="ALIAS",
            help="Where a winner goes: `candidate` waits for a person, `shadow` and `canary` are "
            "tried, `production` is `--promote`.",
        ),
    ] = None,
    tag: Tag = None,
    data_path: DataPath = None,
    if_degraded: Annotated[
        bool, typer.Option("--if-degraded", help="Evaluate first; a healthy model stays as it is.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Accept the challenger even if it does not win.")
    ] = False,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Learn from base data and real prices; compare the challenger with production."""
    from housing_cli.config import load_settings
    from housing_cli.errors import GateRefused
    from housing_cli.loop.approval import refuse_unattended
    from housing_cli.loop.retrain import needed, retrain
    from housing_cli.show.advice import typed
    from housing_cli.show.retrain import not_needed, result_of

    promote, to = destination(to, promote=promote)
    settings = load_settings(config, {"data.path": data_path}, sets or ())
    if promote:  # before a judgment that may take long
        refuse_unattended(settings, f"housing retrain --to candidate{carried(config, sets)}")
    if if_degraded and (judged := needed(settings)) is not None:
        return not_needed(judged)
    with progress_bars() as progress:
        named = data_path is not None or any(text.startswith("data.path") for text in sets or ())
        try:
            done = retrain(
                settings, tag=tag, promote=promote, to=to, force=force, named=named,
                progress=progress,
            )  # fmt: skip
        except GateRefused as error:
            error.hint = typed(error.hint, carried(config, sets))
            raise
    return result_of(done, carried(config, sets))


def destination(to: str | None, *, promote: bool) -> tuple[bool, str | None]:
    """Return whether a winner becomes production, or else which alias it gets.

    Raises `UsageError` where the words ask for two things, or for an alias that nothing waits at.
    """
    if to not in {None, PRODUCTION, *PASSING}:
        raise UsageError(
            f"`--to` takes `candidate`, `shadow`, `canary` or `production`, not `{to}`",
            "another alias is pointed by `housing promote REF --to ALIAS`",
        )
    if promote and to not in {None, PRODUCTION}:
        raise UsageError(
            f"`--promote` and `--to {to}` exclude each other",
            "`--promote` makes a winner production; ask for one of them",
        )
    return (True, None) if promote or to == PRODUCTION else (False, to)
