"""Options that several verbs share, declared once."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings file; default configs/housing.toml."),
]
# Read by `cli.HousingGroup` from the words themselves, so that it holds for usage errors too.
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        "--json-schema",
        help="Print one JSON object instead of tables; --json=data.version one field of it, "
        "--json-schema what may be in it.",
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any setting, e.g. model.params.n_estimators=500."
    ),
]
DataPath = Annotated[
    str | None,
    typer.Option(
        "--data-path",
        "--data_path",
        metavar="FILE",
        help="CSV, Parquet or Excel table to learn from.",
    ),
]
Tag = Annotated[str | None, typer.Option("--tag", metavar="TEXT", help="Name for the new version.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; recorded in the history.")
]

_LEARNING = ("model.", "train.", "retrain.")
"""Settings that no command reads which only serves, judges or promotes."""
_SECRETS = ("api.", "registry.signing_key")


def carried(config: Path | None, sets: Sequence[str] | None = None) -> str:
    """Return the options that a command needs which goes on where this one stopped."""
    words = [] if config is None else ["--config", str(config)]
    for text in sets or ():
        words += ["--set", text]
    return "".join(f" {shlex.quote(word)}" for word in words)


def served_with(config: Path | None, sets: Sequence[str] | None = None) -> str:
    """Return what `carried` does for a command that learns nothing: without how to learn."""
    return carried(config, [text for text in sets or () if not text.startswith(_LEARNING)])


def shown_with(config: Path | None, sets: Sequence[str] | None = None) -> str:
    """Return what `carried` does for everybody to see: without keys, and URLs with a password."""
    from housing_cli.prediction_log.urls import redacted

    def is_secret(text: str) -> bool:
        return text.startswith(_SECRETS) or redacted(text.partition("=")[2]) not in text

    return carried(config, [text for text in sets or () if not is_secret(text)])


def first_step(config: Path | None, sets: Sequence[str] | None = None) -> str:
    """Return what to type where there is no version yet: the words after `housing`."""
    from housing_cli.config import load_settings

    if Path(load_settings(config).data.path).is_file():
        return "train" + carried(config)
    return (
        "init FILE --target COLUMN --train"
        if config is None
        else f"train --data-path FILE{carried(config)}"
    )


def complete_ref(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield versions, aliases and tags of the registry that start with `incomplete`."""
    from housing_cli.config import load_settings
    from housing_cli.errors import HousingError
    from housing_cli.registry import open_registry

    try:
        registry = open_registry(load_settings())
        choices = dict(registry.aliases())
        for version in reversed(registry.survey()[0]):
            choices[version.name] = version.metadata.tag or version.metadata.created[:10]
            if version.metadata.tag:
                choices.setdefault(version.metadata.tag, version.name)
    except HousingError:  # a shell that completes is no place for errors
        return
    yield from ((ref, text) for ref, text in choices.items() if ref.startswith(incomplete))


Ref = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="v3, 3, latest, an alias or a unique tag.",
        autocompletion=complete_ref,
    ),
]
VersionRef = Annotated[
    str | None,
    typer.Option(
        "--version",
        metavar="REF",
        help="Version, alias or tag; default production.",
        autocompletion=complete_ref,
    ),
]
