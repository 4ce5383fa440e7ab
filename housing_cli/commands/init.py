"""`housing init`: how you ask for the settings of a table of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from housing_cli.commands.options import Json
from housing_cli.show.printer import progress_bars
from housing_cli.show.result import Result

EXAMPLE = "housing init houses.csv --target price --train"


def command(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, Parquet or Excel table, in gzip or not.")
    ],
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COLUMN", help="The column that holds the prices."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="What file, registry and log are called; default the table's name.",
        ),
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Train on it at once.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a settings file that is there.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The settings file to write; default configs/NAME.toml, or configs/housing.toml "
            "where no other model was trained yet.",
        ),
    ] = None,
    as_json: Json = False,
) -> Result:
    """Look at a table of your own, and write a settings file for it.

    Says of every column what it is, and why it is left out: ids, constants, days of the sale, and
    what nearly is the target. Edit the file where you know better. Registry and log are the
    table's own.
    """
    from housing_cli.loop.init import init
    from housing_cli.show.init import result_of

    found = init(path, target, name=name, file=config, force=force)
    if not train:
        return result_of(found)
    from housing_cli.config import load_settings
    from housing_cli.loop.train import train as train_on

    with progress_bars() as progress:
        trained = train_on(load_settings(found.file), progress=progress)
    return result_of(found, trained)
