"""`housing train`: how you ask for a new version."""

from __future__ import annotations

from typing import Annotated

import typer

from housing_cli.commands.options import Config, DataPath, Json, Sets, Tag, served_with
from housing_cli.show.printer import progress_bars
from housing_cli.show.result import Result

EXAMPLE = "housing train --data-path data/HousingData.csv --tag first"


def command(
    data_path: DataPath = None,
    tag: Tag = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="Random seed; default 42.")
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(
            "--tune",
            metavar="N",
            help="Try N models first: forest, ExtraTrees, gradient boosting and votes of two, or "
            "parameters of another regressor that the settings name. On all rows and again within "
            "each fold of the baseline: up to 3 N (folds x repeats + 1) fits; 6 take about a "
            "minute on the shipped data. Ctrl-C goes on with the best so far. Default 0.",
        ),
    ] = None,
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help="Make it production; by default only the first version is.",
        ),
    ] = None,
    sets: Sets = None,
    config: Config = None,
    as_json: Json = False,
) -> Result:
    """Check the data, fit and measure a model, and register it as a new version."""
    from housing_cli.config import load_settings
    from housing_cli.loop.train import train
    from housing_cli.show.train import result_of
    from housing_cli.show.tuning import stop_key

    options = {"data.path": data_path, "train.seed": seed, "train.tune": tune}
    settings = load_settings(config, options, sets or ())
    with progress_bars() as progress:
        trained = train(settings, tag=tag, promote=promote, progress=progress, stop_key=stop_key)
    return result_of(trained, served_with(config, sets))
