"""The version of the csv files' layout, in `schema.json` beside them.

It stands in a file of its own because the csv files are to be read without options. A log without
it has version 1.
"""

from __future__ import annotations

import json
from pathlib import Path

from housing_cli.errors import LogSchemaMismatch, LogUnavailable
from housing_cli.files import replace_file
from housing_cli.prediction_log.csv.file import unavailable

LOG_SCHEMA = 1


def check(folder: Path) -> None:
    """Raise `LogSchemaMismatch` for a log that a newer program wrote."""
    path = folder / "schema.json"
    try:
        version = int(json.loads(path.read_bytes())["version"])
    except FileNotFoundError:
        return
    except OSError as error:
        raise unavailable(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise LogUnavailable(f"`{path}` is damaged", "delete it; it is made again") from error
    if version > LOG_SCHEMA:
        raise LogSchemaMismatch(
            f"`{folder}` has log schema {version}, and this program knows {LOG_SCHEMA}",
            "use the newer `housing` that wrote it, or another log",
        )


def write(folder: Path) -> None:
    """Write the version where it is missing."""
    path = folder / "schema.json"
    if not path.exists():
        replace_file(path, f"{json.dumps({'version': LOG_SCHEMA})}\n".encode())
