"""The numbers of a csv log, in `schema.json` beside its files (see `prediction_log.formats`).

They stand in a file of their own because the csv files are to be read without options.
"""

from __future__ import annotations

import json
from pathlib import Path

from housing_cli.errors import LogUnavailable
from housing_cli.files import read_file, replace_file
from housing_cli.prediction_log import formats
from housing_cli.prediction_log.csv.file import unavailable

_JUMP = "clock_jump_ms"
_NUMBERS = {"version": formats.USABLE_FROM, "format": formats.FORMAT}


def check(folder: Path) -> int:
    """Return the log's format. Raises `LogSchemaMismatch` for one that is for newer programs."""
    return _read(folder)["format"]


def clock_jump_ms(folder: Path) -> int:
    """Return how far a clock was behind what was recorded before, at most; 0 where none was.

    Rows within so many milliseconds may stand in another order than their times.
    """
    return _read(folder)[_JUMP]


def record_jump(folder: Path, jump_ms: int) -> None:
    """Record that a clock stepped back; whoever calls holds the log's lock."""
    numbers = _read(folder)
    if jump_ms > numbers[_JUMP]:
        _replace(folder, numbers | {_JUMP: jump_ms})


def _read(folder: Path) -> dict[str, int]:
    path = folder / "schema.json"
    try:
        numbers = json.loads(read_file(path))
        version, found = int(numbers["version"]), int(numbers.get("format", 1))
        jump = int(numbers.get(_JUMP, 0))
    except FileNotFoundError:
        return {"version": formats.USABLE_FROM, "format": 1, _JUMP: 0}
    except OSError as error:
        raise unavailable(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LogUnavailable(
            f"`{path}` is damaged", "delete it; `housing log init --migrate` makes it again"
        ) from error
    formats.refuse_newer(str(folder), version)
    return {"version": version, "format": found, _JUMP: jump}


def write(folder: Path, *, migrate: bool = False) -> None:
    """Write the numbers where they are missing, or lower; whoever calls holds the log's lock."""
    path = folder / "schema.json"
    jump = {}
    if path.exists():
        before = _read(folder)
        if not (migrate and before["format"] < formats.FORMAT):
            return
        jump = {_JUMP: before[_JUMP]} if before[_JUMP] else {}
    _replace(folder, _NUMBERS | jump)


def _replace(folder: Path, numbers: dict[str, int]) -> None:
    path = folder / "schema.json"
    try:
        replace_file(path, f"{json.dumps(numbers)}\n".encode())
    except OSError as error:
        raise unavailable(path, error) from error
