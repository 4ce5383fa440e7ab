"""The formats of what the registry writes, and how they grow.

`metadata.json`, each line of `history.jsonl`, and in `format.json` the registry as a whole (which
files there are, what an alias and a plan in the journal mean) carry a number. A field that a reader
may ignore is added without a new one: programs of the version before go on reading and writing
beside this one. The number rises where such a program would misread what is written; it then
refuses by name, and nothing that it has written becomes unreadable here. What carries no number has
format 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from housing_cli.errors import NewerFormat, RegistryError
from housing_cli.files import read_file

METADATA: Final = 2
"""2 where a feature is no number: who does not know its kind would take its codes for numbers."""
HISTORY: Final = 2
"""2 where an alias ends: who does not know that one can would go on following it."""
REGISTRY: Final = 1
FILE: Final = "format.json"


class _Numbered(msgspec.Struct, frozen=True):
    format: int = 1


def refuse_newer(raw: bytes, what: str, known: int) -> None:
    """Raise `NewerFormat` where `raw`, a JSON object, is of a format above `known`."""
    try:
        found = msgspec.json.decode(raw, type=_Numbered).format
    except (ValueError, RecursionError):  # damaged: whoever reads it whole says so
        return
    if found > known:
        raise NewerFormat(
            f"{what} has format {found}, and this program knows {known}",
            "use the newer `housing` that wrote it",
        )


def check_registry(root: Path) -> None:
    """Raise `NewerFormat` where the registry at `root` is for newer programs alone.

    Raises `RegistryError` where its number is damaged, and `OSError`.
    """
    file = root / FILE
    try:
        raw = read_file(file)
    except FileNotFoundError:
        return
    refuse_newer(raw, f"registry `{root}`", REGISTRY)
    try:
        msgspec.json.decode(raw, type=_Numbered)
    except (ValueError, RecursionError):
        raise RegistryError(
            f"`{file}` does not say the registry's format", "restore the file from a backup"
        ) from None
