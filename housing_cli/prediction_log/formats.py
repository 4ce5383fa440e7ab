"""The numbers that a log carries, and who may use it.

`format` says what is in the log: 2 has room for `served`. `version` is the lowest format whose
programs may use it, and what a program looks at: above its own format, it refuses the log. Room
for one more table disturbs no older program, so a log of format 2 keeps `version` 1: replicas of
the version before, which know this number alone, go on while a newer one migrates. A log without
numbers, or without `format`, has format 1.
"""

from __future__ import annotations

from typing import Final

from housing_cli.errors import LogSchemaMismatch

FORMAT: Final = 2
"""What this program writes; it reads and writes on everything below as it is."""

USABLE_FROM: Final = 1
"""The lowest format whose programs may use a log of `FORMAT`."""

ROOM_FOR_SERVED: Final = 2


def refuse_newer(where: str, version: int) -> None:
    """Raise `LogSchemaMismatch` if a log is for newer programs alone."""
    if version > FORMAT:
        raise LogSchemaMismatch(
            f"the log in `{where}` has format {version}, and this program knows {FORMAT}",
            "use the newer `housing` that wrote it, or another log",
        )


def no_room(where: str) -> LogSchemaMismatch:
    """Return what to raise when rows of `served` are for an older log."""
    return LogSchemaMismatch(
        f"the log in `{where}` has format 1, which has no room for `served`",
        "`housing log init --migrate` makes room; running servers need not stop",
    )
