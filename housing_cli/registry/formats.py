"""The formats of what the registry writes, and how they grow.

`metadata.json` and each line of `history.jsonl` carry a number. A field that a reader may ignore is
added without a new one: programs of the version before go on reading and writing beside this one.
The number rises where such a program would misread what is written; it then refuses by name, and
nothing that it has written becomes unreadable here. What carries no number has format 1.
"""

from __future__ import annotations

from typing import Final

import msgspec

from housing_cli.errors import NewerFormat

METADATA: Final = 1
HISTORY: Final = 1


class _Numbered(msgspec.Struct, frozen=True):
    format: int = 1


def refuse_newer(raw: bytes, what: str, known: int) -> None:
    """Raise `NewerFormat` where `raw`, a JSON object, is of a format above `known`."""
    try:
        found = msgspec.json.decode(raw, type=_Numbered).format
    except msgspec.MsgspecError:  # damaged: whoever reads it whole says so
        return
    if found > known:
        raise NewerFormat(
            f"{what} has format {found}, and this program knows {known}",
            "use the newer `housing` that wrote it",
        )
