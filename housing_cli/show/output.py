"""Result, and the only printer: for people, as `--json`, and for GitHub Actions.

Data goes to stdout, everything else to stderr. On a terminal tables are drawn by Rich; into a pipe
they are plain columns that nothing cuts off.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from housing_cli.errors import ExitCode, HousingError

Cell = str | int | float | None


class Table(msgspec.Struct, frozen=True):
    """Rows to show; `title` may be empty."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""


class Result(msgspec.Struct, frozen=True):
    """What a verb did. `data` is the `--json` payload, `show` what people see instead.

    notes go to stderr. outputs are the step outputs of GitHub Actions; where there are some, `show`
    is also written into the run's summary.
    """

    command: str
    data: Mapping[str, Any]
    show: Sequence[str | Table] = ()
    notes: Sequence[str] = ()
    status: str = "ok"
    exit_code: ExitCode = ExitCode.OK
    errors: Sequence[Mapping[str, str]] = ()
    outputs: Mapping[str, Cell] = {}


def failure(
    command: str, error: HousingError, exit_code: ExitCode, status: str = "error"
) -> Result:
    """Return the result of a verb that ended with a known failure."""
    return Result(
        command, error.evidence, status=status, exit_code=exit_code, errors=[describe(error)]
    )


def describe(error: HousingError) -> dict[str, str]:
    """Return what `errors` says of `error`."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def emit(result: Result, *, as_json: bool) -> int:
    """Print `result` and return its exit code."""
    # Output is for whatever locale there is: what it cannot show is escaped, not fatal.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    _github(result)
    try:
        _print(result, as_json=as_json)
        sys.stdout.flush()
    except BrokenPipeError:
        # `housing registry ls | head -1`: the reader has what it wanted. The code is still the
        # verb's, and what is left to flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        say(f"error: the output cannot be written: {error.strerror}")
        say("hint: free space where standard output goes")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(result.exit_code or ExitCode.FAILURE)
    return int(result.exit_code)


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        envelope = {
            "command": result.command,
            "status": result.status,
            "exit_code": int(result.exit_code),
            "data": result.data,
            "errors": list(result.errors),
        }
        print(json.dumps(_finite(envelope)))  # noqa: T201
    else:
        for block in result.show:
            print(block if isinstance(block, str) else _drawn(block))  # noqa: T201
        sys.stdout.flush()  # the notes come after what they are about
    for note in result.notes:
        say(note)
    for error in result.errors:
        say(f"error: {error['message']}")
        if error["hint"]:
            say(f"hint: {error['hint']}")


def say(text: str) -> None:
    """Print `text` on stderr."""
    try:
        print(text, file=sys.stderr)  # noqa: T201
    except OSError:  # nobody listens, and there is nowhere to say so
        return


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback that shows progress on stderr, on a terminal only."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _nowhere
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bars = Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def advance(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    with bars:
        yield advance


def _nowhere(_what: str, _done: int, _total: int) -> None:
    """Show no progress."""


def _drawn(table: Table) -> str:
    rows = [[_text(cell) for cell in row] for row in table.rows]
    if not sys.stdout.isatty():
        return _columns([[*table.columns], *rows], table.title)
    from io import StringIO

    from rich.console import Console
    from rich.table import Table as Drawing
    from rich.text import Text

    drawing = Drawing(title=table.title or None, title_justify="left")
    for position, column in enumerate(table.columns):
        cells = [row[position] for row in table.rows]
        numeric = any(isinstance(cell, int | float) for cell in cells)
        drawing.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawing.add_row(*map(Text, row))
    console = Console(file=StringIO(), force_terminal=True, width=Console().width)
    console.print(drawing)
    return console.file.getvalue().rstrip("\n")  # type: ignore[attr-defined,no-any-return]


def _columns(rows: list[list[str]], title: str) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([title, *lines] if title else lines)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) < 1000 else f"{cell:.1f}"  # noqa: PLR2004
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = str(cell)
    # One line, and nothing that a terminal would obey.
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _finite(value: Any) -> Any:
    """Return `value` with NaN and infinities as null: JSON has no such numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _github(result: Result) -> None:
    """Write step outputs and a summary where GitHub Actions asks for them."""
    outputs, summary = os.environ.get("GITHUB_OUTPUT"), os.environ.get("GITHUB_STEP_SUMMARY")
    if result.command not in {"train", "evaluate", "retrain"}:
        return
    if outputs:
        values = {"status": result.status, "exit_code": int(result.exit_code), **result.outputs}
        lines = [f"{key}={_one_line(value)}\n" for key, value in values.items()]
        _append(outputs, "".join(lines))
    if summary:
        _append(summary, _markdown(result))


def _markdown(result: Result) -> str:
    parts = [f"### housing {result.command}: {result.status}"]
    parts.extend(f"**{error['message']}**\n\n{error['hint']}" for error in result.errors)
    for block in result.show:
        if isinstance(block, str):
            parts.append(block)
        else:
            rows = [block.columns, ["---"] * len(block.columns), *block.rows]
            lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
            parts.append("\n".join(([f"**{block.title}**", ""] if block.title else []) + lines))
    return "\n\n".join(parts) + "\n\n"


def _escaped(cell: Cell) -> str:
    return _one_line(_text(cell)).replace("|", "\\|")


def _one_line(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as workflows write it
    return " ".join(str("" if value is None else value).split())


def _append(path: str, text: str) -> None:
    try:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
    except OSError as error:
        say(f"warning: `{path}` cannot be written: {error.strerror}")
