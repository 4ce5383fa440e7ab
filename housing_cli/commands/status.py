"""`housing status`: how you ask for all of the loop at one look."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, Sets, carried, first_step
from housing_cli.errors import UsageError
from housing_cli.show.result import Result

EXAMPLE = "housing status --watch 5"
SECONDS = 2.0


def command(
    seconds: Annotated[
        float | None,
        typer.Argument(metavar="[SECONDS]", help="With --watch: how often; default 2.", min=0.1),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until Ctrl-C.")] = False,
    settings: Annotated[
        bool,
        typer.Option("--settings", help="Show the merged settings, and where each came from."),
    ] = False,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result | int:
    """Show the loop in ten lines: verdict, since when, for which houses, what to type.

    Writes nothing, and exits with 0 whatever the verdict: `evaluate` is for jobs.
    """
    if seconds is not None and not watch:
        raise UsageError(f"`{seconds:g}` goes with `--watch`", "`housing status --watch 5`")
    if settings:
        if watch:
            raise UsageError("`--settings` goes without `--watch`", "settings do not change")
        return _settings(config, sets)
    if not watch:
        return _look(config, sets)
    from housing_cli.show.watch import watch as watching

    return watching(lambda: _look(config, sets), seconds or SECONDS, as_json=as_json)


def _look(config: Path | None, sets: list[str] | None) -> Result:
    from housing_cli.config import load_settings
    from housing_cli.loop.status import status
    from housing_cli.show.status import result_of

    found = status(load_settings(config, {}, sets or ()))
    return result_of(found, first=first_step(config, sets), carried=carried(config, sets))


def _settings(config: Path | None, sets: list[str] | None) -> Result:
    from housing_cli.config import settings_with_sources
    from housing_cli.show.status import settings_result

    return settings_result(*settings_with_sources(config, {}, sets or ()))
