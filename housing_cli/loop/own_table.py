"""Which table a challenger learns from: the champion's own, unless another one is named.

A champion remembers the path and the hash of its table. What the settings name may be another one:
the default, where the champion was trained with `--data-path`; learned from it, a challenger would
be of other houses, or know the ones that it is judged by.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from housing_cli.config import Settings
from housing_cli.data.table import Table, read_table
from housing_cli.errors import DataError
from housing_cli.registry import Version
from housing_cli.words import counted


@dataclass(frozen=True, slots=True)
class Base:
    """The table, how many rows were added to it since the champion learned, and what to say.

    added: `None` where it is not the champion's table with more rows at its end. note: one line or
    more, empty where it is the same table.
    """

    table: Table
    added: int | None
    note: str


def base_table(settings: Settings, champion: Version, *, named: bool) -> Base:
    """Return what a challenger of `champion` learns from beside real prices.

    named: whoever asks has named the table, whatever it is. Raises `DataError`, also where the
    champion's table is not there and nobody has named another one.
    """
    known, asked = champion.metadata.data, settings.data.path
    path = asked
    if not named and _hash(asked) != known.sha256 and Path(known.path).is_file():
        path = known.path
    table = read_table(path, settings.schema(), settings.data.kinds)
    if table.sha256 == known.sha256:
        return Base(table, 0, _instead(path, asked, champion.name))
    added = _added(Path(path), known.sha256) if Path(path).is_file() else None
    if added is not None:
        were = "was" if added == 1 else "were"
        said = f"note: {counted(added, 'row')} {were} added to `{path}` since {champion.name}"
        return Base(table, added, f"{said}\n  learned, too")
    if named:
        return Base(
            table, None, f"note: learned from `{path}`; {champion.name} from `{known.path}`"
        )
    if path == known.path:
        said = f"warning: `{path}` has changed since {champion.name} learned from it"
        return Base(table, None, f"{said}\n  {counted(len(table), 'row')} now")
    raise DataError(
        f"{champion.name} learned from `{known.path}`, which is not here, and `{asked}` is another "
        "table",
        "give its table with `--data-path FILE`; a table that is named so may be another one",
    )


def _instead(path: str, asked: str, champion: str) -> str:
    if path == asked:
        return ""
    return f"note: learned from `{path}`, the table of {champion}\n  `--data-path` names another"


def _hash(path: str) -> str | None:
    """Return the hash of a file, `None` for what is none: a pipe can be read once only."""
    try:
        if not Path(path).is_file():
            return None
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def _added(path: Path, sha256: str) -> int | None:
    """Return how many lines stand behind those whose hash is known, `None` where others do."""
    seen, added = hashlib.sha256(), None
    for line in path.read_bytes().splitlines(keepends=True):
        if added is not None:
            added += bool(line.strip())
            continue
        # The last line may have had no end when it was learned.
        bare = seen.copy()
        bare.update(line.rstrip(b"\r\n"))
        seen.update(line)
        if sha256 in (seen.hexdigest(), bare.hexdigest()):
            added = 0
    return added
