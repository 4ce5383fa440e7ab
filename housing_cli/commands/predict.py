"""`housing predict`: how you ask for the prices of a table."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from housing_cli.commands.options import Config, Json, Sets, VersionRef
from housing_cli.errors import ExitCode, UsageError
from housing_cli.show.printer import progress_bars, say, unwritten
from housing_cli.show.result import Result

EXAMPLE = "housing predict houses.csv --out prices.csv"

File = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV, Parquet or Excel table; `-` for standard input.")
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Where the priced rows go: .csv or .parquet; default standard output, as CSV.",
    ),
]
Errors = Annotated[
    Path | None,
    typer.Option(
        "--errors",
        metavar="FILE",
        help="CSV list of the rows that were refused; default beside --out, as NAME.errors.csv.",
    ),
]


Log = Annotated[
    bool,
    typer.Option("--log", help="Log the predictions, as the API does; their ids are a column."),
]


Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        help="A column for what each feature adds to the mean price; takes about 20 ms a row.",
    ),
]


def command(
    file: File,
    out: Out = None,
    version: VersionRef = None,
    errors: Errors = None,
    log: Log = False,
    explain: Explain = False,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result | ExitCode:
    """Price the houses of a table; exit 1 where rows were refused, the others are priced.

    The table's columns are kept, and predicted_price, lower, upper and model_version put behind
    them. A row that the API would refuse is left out, and listed with its line and the reason.
    """
    from housing_cli.config import load_settings
    from housing_cli.pricing.output import format_of
    from housing_cli.pricing.predict import price_table
    from housing_cli.show.predict import result_of

    to = None if out in (None, "-") else Path(str(out))
    if to is not None:
        format_of(to)
    _check(file, to, errors, as_json=as_json)
    settings = load_settings(config, {}, sets or ())
    # A bar would be drawn across the table.
    shown = to is not None or not sys.stdout.isatty()
    try:
        with progress_bars() if shown else nullcontext(_nobody) as progress:
            priced = price_table(
                settings,
                file,
                to or sys.stdout.buffer,
                ref=version or "production",
                errors=errors,
                record=log,
                explain=explain,
                progress=progress,
            )
    except KeyboardInterrupt as interrupted:
        for note in getattr(interrupted, "__notes__", ()):
            say(f"warning: {note}")
        raise
    except OSError as error:  # of files it is a known failure
        return unwritten(error)
    return result_of(priced, to)


def _check(file: str, to: Path | None, errors: Path | None, *, as_json: bool) -> None:
    """Raise `UsageError` where two things would go into one file."""
    if as_json and to is None:
        raise UsageError(
            "`--json` and the table cannot both go to standard output", "add `--out FILE`"
        )
    if to is not None and to.is_file() and Path(file).is_file() and to.samefile(file):
        raise UsageError(f"`--out {to}` is the table itself", "give another file")
    if errors is None:
        return
    if to is not None and errors.absolute() == to.absolute():
        raise UsageError("`--errors` and `--out` name one file", "give another file")
    if errors.is_file() and Path(file).is_file() and errors.samefile(file):
        raise UsageError(f"`--errors {errors}` is the table itself", "give another file")


def _nobody(what: str, done: int, total: int) -> None:
    """Show no progress."""
