"""What `housing predict` says beside the table that it writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from housing_cli.errors import ExitCode, RowsRefused
from housing_cli.show.reading import reading_notes
from housing_cli.show.result import Result, describe
from housing_cli.words import counted

if TYPE_CHECKING:
    from housing_cli.pricing.predict import Priced

_WORDS = 3


def result_of(priced: Priced, out: Path | None) -> Result:
    """Return the result of pricing a table into `out`, or into standard output."""
    data = {
        "rows": priced.rows,
        "refused": priced.refused,
        "version": priced.version,
        "out": None if out is None else str(out),
        "errors_file": None if priced.errors is None else str(priced.errors),
        "columns": list(priced.columns),
        "unknown_categories": priced.unknown,
        "outside": priced.outside,
        "logged": priced.logged,
        "read": priced.reading.as_dict(),
        "seconds": round(priced.seconds, 3),
    }
    into = "" if out is None else f": {out}"
    logged = " and logged" if priced.logged else ""
    done = f"{counted(priced.rows, 'row')} priced with {priced.version}{logged}{into}"
    notes = [done, *reading_notes(priced.reading), *_renamed(priced), *_unknown(priced)]
    notes += _outside(priced)
    show = [] if out is None else [notes.pop(0)]
    if not priced.refused:
        return Result("predict", data, show=show, notes=notes)
    notes += [
        f"  {priced.place(one.line)}: {f'{one.column}: ' if one.column else ''}{one.reason}"
        for one in priced.first
    ]
    total = priced.rows + priced.refused
    were = "was" if priced.refused == 1 else "were"
    error = RowsRefused(
        f"{priced.refused} of {counted(total, 'row')} {were} refused",
        f"see `{priced.errors}`" if priced.errors else "list them all with `--errors FILE`",
    )
    return Result(
        "predict",
        data,
        show=show,
        notes=notes,
        status="partial",
        exit_code=ExitCode.FAILURE,
        errors=[describe(error)],
    )


def _renamed(priced: Priced) -> list[str]:
    from housing_cli.pricing.output import PREFIX

    renamed = [name for name in priced.columns if name.startswith(PREFIX)]
    if not renamed:
        return []
    return [f"note: the table has columns of these names already: {', '.join(renamed)}"]


def _unknown(priced: Priced) -> list[str]:
    return [f"warning: {unknown_line(*found)}" for found in priced.unknown.items()]


def unknown_line(name: str, words: Mapping[str, int]) -> str:
    """Return which unknown words a feature holds; words: in how many rows each of them is."""
    named = ", ".join(f"`{word}`" for word in list(words)[:_WORDS])
    more = f" and {len(words) - _WORDS} more" if len(words) > _WORDS else ""
    return f"`{name}` holds unknown words in {counted(sum(words.values()), 'row')}: {named}{more}"


def _outside(priced: Priced) -> list[str]:
    """Say which features are beyond the learned range, those of the most rows first."""
    if not priced.outside:
        return []
    most = list(priced.outside.items())[:_WORDS]
    named = ", ".join(f"`{name}` in {counted(rows, 'row')}" for name, rows in most)
    left = len(priced.outside) - len(most)
    more = f" and {counted(left, 'feature')} more" if left else ""
    return [f"warning: beyond all that was learned: {named}{more}"]
