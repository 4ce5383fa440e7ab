"""What a verb hands to the printer: its outcome, tables, errors, and how a cell reads as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from housing_cli.errors import ExitCode, HousingError
from housing_cli.show.refusal import error_text
from housing_cli.words import in_one_line

Cell = str | int | float | None

JSON_FORMAT = 1
"""Of what `--json` prints; it stands in `data` as `json_format`, for the envelope's keys are fixed.

Keys may be added without a new number; it rises when one is renamed, removed or means something
else."""


class Table(msgspec.Struct, frozen=True):
    """Rows to show; `title` may be empty. spare: columns that a narrow terminal goes without, the
    first of them first.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    spare: Sequence[str] = ()

    def without(self, column: str) -> Table:
        """Return the table without one of its columns."""
        place = list(self.columns).index(column)
        rows = [[cell for at, cell in enumerate(row) if at != place] for row in self.rows]
        columns = [name for name in self.columns if name != column]
        return Table(columns, rows, self.title, [name for name in self.spare if name != column])


class Result(msgspec.Struct, frozen=True):
    """What a verb did. `data` is the `--json` payload, `show` what people see instead.

    notes go to stderr. said: each of `errors` as people read it; empty: as its message is. outputs
    are the step outputs of GitHub Actions; where there are some, `show` is also written into the
    run's summary. tone: `good` or `bad`, how the first of `show` looks on a terminal.
    """

    command: str
    data: Mapping[str, Any]
    show: Sequence[str | Table] = ()
    notes: Sequence[str] = ()
    status: str = "ok"
    exit_code: ExitCode = ExitCode.OK
    errors: Sequence[Mapping[str, str]] = ()
    said: Sequence[str] = ()
    outputs: Mapping[str, Cell] = {}
    tone: str = ""


def warned(result: Result, warning: str) -> Result:
    """Return a result that also says a warning: to people, and in `data.warnings`.

    What comes next stays last.
    """
    known: Sequence[str] = result.data.get("warnings", ())
    last = [note for note in result.notes[-1:] if note.startswith("next: ")]
    notes = [*result.notes[: len(result.notes) - len(last)], f"warning: {warning}", *last]
    return msgspec.structs.replace(
        result,
        data={**result.data, "warnings": [*known, in_one_line(warning)]},
        notes=notes,
    )


def failure(
    command: str, error: HousingError, exit_code: ExitCode, status: str = "error"
) -> Result:
    """Return the result of a verb that ended with a known failure.

    Messages quote what they are about, settings and options among it: passwords are hidden here,
    for all of them.
    """
    from housing_cli.prediction_log.urls import redacted_within

    error.message, error.hint = redacted_within(error.message), redacted_within(error.hint)
    return Result(
        command,
        error.evidence,
        status=status,
        exit_code=exit_code,
        errors=[describe(error)],
        said=[error_text(error)],
    )


def describe(error: HousingError) -> dict[str, str]:
    """Return what `errors` says of `error`."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def text_of(cell: Cell) -> str:
    """Return a cell in one line, with nothing in it that a terminal would obey."""
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:.1f}"  # noqa: PLR2004
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = str(cell)
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
