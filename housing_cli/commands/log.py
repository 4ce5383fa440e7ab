"""`housing log`: how you make and migrate the log of predictions."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, carried
from housing_cli.show.result import Result

app = typer.Typer(
    help="Make or migrate the log of predictions.",
    epilog="Example: housing log init",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def log() -> None:
    """Make or migrate the log of predictions."""


@app.command("init", epilog="Example: housing log init --migrate")
def init(
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring an older log to the format of this version.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="The log, default the setting `log.url`; for a database, as a role that may "
            "change its tables.",
        ),
    ] = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Make the log, empty, where there is none; a log that is there stays as it is.

    The first prediction makes it, too; this is for a database where the server's role may only
    SELECT and INSERT. Give the role that may change the tables by --url (its password by PGPASSWORD
    or ~/.pgpass, which no list of processes shows) or by HOUSING_LOG_URL. Nothing is granted when
    tables are made: what the server's role needs is printed.

    --migrate upgrades an older log under a lock, all or nothing; servers go on meanwhile, those of
    the version before, too. In PostgreSQL whoever may SELECT from or INSERT into `predictions` is
    granted the same on the new table, and every grant is printed.
    """
    from contextlib import closing

    from housing_cli.config import load_settings
    from housing_cli.prediction_log import open_log
    from housing_cli.show.log import initialized

    settings = load_settings(config, {"log.url": url})
    with closing(open_log(settings.log.url, settings.schema(), fsync=settings.log.fsync)) as opened:
        asked = carried(config) + ("" if url is None else f" --url {shlex.quote(opened.url)}")
        return initialized(opened.url, opened.init(migrate=migrate), asked)
