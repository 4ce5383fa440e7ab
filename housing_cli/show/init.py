"""What `housing init` says: the columns of a table, the file that was written, what comes next."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from housing_cli.show import train as of_training
from housing_cli.show.advice import command_of, next_note
from housing_cli.show.reading import reading_notes
from housing_cli.show.result import Result, Table
from housing_cli.words import WIDTH, counted, share_in_short

if TYPE_CHECKING:
    from housing_cli.data.profile import Column
    from housing_cli.loop.init import Initiated
    from housing_cli.loop.train import Trained

_ALL = 30
"""A table of so many columns is shown whole."""
_NAME_WIDTH, _OTHERS_WIDTH = 24, len("boolean") + len("missing") + 3 * len("  ")
_PLURALS = {"number": "numbers", "category": "categories", "boolean": "booleans", "date": "dates"}


def result_of(found: Initiated, trained: Trained | None = None) -> Result:
    """Return the result: of the settings alone, or of the version that was trained by them, too."""
    option = f" --config {shlex.quote(str(found.config))}" if found.config else ""
    training = of_training.result_of(trained) if trained is not None else None
    notes = [*reading_notes(found.reading), *_notes(found)]
    following = [next_note(f"train{option}")]
    if trained is not None:
        notes += of_training.model_notes(trained.version)
        following = of_training.next_notes(trained, option)
    return Result(
        "init",
        {
            **_payload(found),
            "next": command_of(following),
            "train": dict(training.data) if training is not None else None,
        },
        show=[_summary(found), _table(found), *(training.show if training is not None else [])],
        notes=[*notes, *following],
    )


def _payload(found: Initiated) -> dict[str, Any]:
    return {
        "file": str(found.file),
        "name": found.name,
        "target": found.target,
        "features": found.features,
        "columns": [
            {
                "name": column.name,
                "kind": column.kind or None,
                "distinct": column.distinct,
                "missing": column.missing,
                "left_out": column.left_out or None,
            }
            for column in found.columns
        ],
        "rows": found.rows,
        "rows_without_target": found.unpriced,
        "duplicates": found.repeated,
        "registry": found.registry,
        "log": found.log,
        "read": found.reading.as_dict(),
    }


def _summary(found: Initiated) -> str:
    kinds = Counter(column.kind for column in found.columns if not column.left_out)
    told = [counted(n, kind, _PLURALS[kind]) for kind, n in kinds.items()]
    left_out = sum(bool(column.left_out) for column in found.columns)
    return (
        f"{found.path}: {counted(found.rows, 'row')}, "
        f"{counted(len(found.columns) + 1, 'column')}, target {found.target}\n"
        f"{counted(len(found.features), 'feature')}: {', '.join(told)}; {left_out} left out"
    )


def _table(found: Initiated) -> Table:
    """Return the columns, of a wide table those of which there is something to say."""
    shown = list(found.columns)
    if len(shown) > _ALL:
        shown = [column for column in shown if column.left_out or column.said or column.missing]
    rest = len(found.columns) - len(shown)
    names = [_cut(column.name or "(no name)", _NAME_WIDTH) for column in shown]
    widest = max(map(len, [*names, f"and {rest} more"])) + max(map(len, map(_kind, shown)))
    room = WIDTH - widest - _OTHERS_WIDTH + len("boolean")
    rows = [
        [
            name,
            _kind(column),
            share_in_short(column.missing) if column.missing else "",
            _cut(f"left out: {column.left_out}" if column.left_out else column.said, room),
        ]
        for name, column in zip(names, shown, strict=True)
    ]
    if rest:
        rows.append([f"and {rest} more", "", "", "without missing values"])
    return Table(["column", "kind", "missing", ""], rows)


def _kind(column: Column) -> str:
    if column.kind == "category":
        return counted(column.distinct, "word")
    return column.kind


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _notes(found: Initiated) -> list[str]:
    notes = []
    if found.unpriced:
        notes.append(f"note: left out {counted(found.unpriced, 'row')} without `{found.target}`")
    if found.repeated:
        notes.append(f"note: {counted(found.repeated, 'row')} like an earlier one in all features")
    notes.append(
        f"wrote {found.file}: edit it where you know better\n"
        f"  registry {found.registry}, log {found.log}"
    )
    return notes
