"""`housing serve`: how you start the API."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from housing_cli import garbage
from housing_cli.commands.options import Config, Sets, VersionRef, shown_with

EXAMPLE = "housing serve --host 0.0.0.0 --port 8000 --workers 2"


def command(
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="Default 8000; 0: any free one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Server processes; default 1.")
    ] = None,
    version: VersionRef = None,
    sets: Sets = None,
    config: Config = None,
) -> int:
    """Serve predictions over HTTP until SIGTERM or Ctrl-C."""
    from housing_cli.config import load_settings

    options = {
        "serve.host": host,
        "serve.port": port,
        "serve.workers": workers,
        "serve.version": version,
    }
    settings = load_settings(config, options, sets or ())
    # One row needs no linear algebra, and NumPy's threads for it spin for a while when they begin.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    early = None
    if settings.serve.workers == 1:
        garbage.pause()  # the application resumes when it is ready
        from housing_cli.api.early import EarlyLoad

        early = EarlyLoad(settings)
    try:
        from housing_cli.api.process.server import run

        return run(settings, early, shlex.split(shown_with(config, sets)))
    finally:
        garbage.resume()
