"""The numbers of a csv log, in `schema.json` beside its files (see `prediction_log.formats`).

They stand in a file of their own because the csv files are to be read without options.
"""

from __future__ import annotations

import json
from pathlib import Path

from housing_cli.errors import LogUnavailable
from housing_cli.files import replace_file
from housing_cli.prediction_log import formats
from housing_cli.prediction_log.csv.file import unavailable

_NUMBERS = {"version": formats.USABLE_FROM, "format": formats.FORMAT}


def check(folder: Path) -> int:
    """Return the log's format. Raises `LogSchemaMismatch` for one that is for newer programs."""
    path = folder / "schema.json"
    try:
        numbers = json.loads(path.read_bytes())
        version, found = int(numbers["version"]), int(numbers.get("format", 1))
    except FileNotFoundError:
        return 1
    except OSError as error:
        raise unavailable(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogUnavailable(
            f"`{path}` is damaged", "delete it; `housing log init --migrate` makes it again"
        ) from error
    formats.refuse_newer(str(folder), version)
    return found


def write(folder: Path, *, migrate: bool = False) -> None:
    """Write the numbers where they are missing, or lower; whoever calls holds the log's lock."""
    path = folder / "schema.json"
    if path.exists() and not (migrate and check(folder) < formats.FORMAT):
        return
    try:
        replace_file(path, f"{json.dumps(_NUMBERS)}\n".encode())
    except OSError as error:
        raise unavailable(path, error) from error
