"""The only printer: results for people and as `--json`, progress, and what is said beside them.

Data goes to stdout, everything else to stderr. On a terminal tables are drawn by Rich; into a pipe,
and where the drawing is wider than the terminal, they are plain columns that nothing cuts off.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from housing_cli.errors import ExitCode
from housing_cli.show import github
from housing_cli.show.result import JSON_FORMAT, Result, Table, text_of
from housing_cli.words import span

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS: Final = 10.0
"""How often progress is said where there is no terminal."""
_STYLES = {"error": "bold red", "warning": "yellow"}
_TONES = {"good": "green", "bad": "bold red"}
"""Of the first line of a result, see `Result.tone`."""


def emit(result: Result, *, as_json: bool, field: str | None = None) -> int:
    """Print `result` and return its exit code. field: of the JSON object, all that is printed."""
    # Output is for whatever locale there is: what it cannot show is escaped, not fatal.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    for warning in github.write(result):
        say(warning)
    try:
        print_result(result, as_json=as_json, field=field)
        sys.stdout.flush()
    except OSError as error:
        return int(result.exit_code or unwritten(error))
    return int(result.exit_code)


def unwritten(error: OSError) -> ExitCode:
    """Say that standard output did not take all; return the code of who had nothing else to do."""
    code = ExitCode.OK
    # `housing registry ls | head -1`: the reader has what it wanted.
    if not isinstance(error, BrokenPipeError):
        say(f"error: the output cannot be written: {error.strerror}")
        say("hint: free space where standard output goes")
        code = ExitCode.FAILURE
    # What is left to flush at exit goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def print_schema(command: str) -> int:
    """Print the JSON Schema of a verb; return the exit code."""
    from housing_cli.show.schemas import schema_of

    try:
        print(json.dumps(schema_of(command), indent=2), flush=True)  # noqa: T201
    except OSError as error:
        return int(unwritten(error))
    return int(ExitCode.OK)


def print_result(result: Result, *, as_json: bool, field: str | None = None) -> None:
    """Print `result`, data on stdout and the rest on stderr. Raises `OSError`.

    field: of the JSON object, all that is printed.
    """
    if as_json:
        envelope = {
            "command": result.command,
            "status": result.status,
            "exit_code": int(result.exit_code),
            "data": {**result.data, "json_format": JSON_FORMAT},
            "errors": list(result.errors),
        }
        whole = _finite(envelope)
        if field is None:
            print(json.dumps(whole))  # noqa: T201
        else:
            from housing_cli.show.schemas import picked

            print(picked(whole, field))  # noqa: T201
    else:
        for shown in _shown(result):
            print(shown)  # noqa: T201
        sys.stdout.flush()  # the notes come after what they are about
    for text in (*result.notes, *_errors(result)):
        say(text)


def text_of_result(result: Result) -> str:
    """Return all that `print_result` prints for people, as one text."""
    return "\n".join([*_shown(result), *result.notes, *_errors(result)])


def _errors(result: Result) -> Iterator[str]:
    told = result.said or [f"error: {error['message']}" for error in result.errors]
    for text, error in zip(told, result.errors, strict=True):
        yield text
        if error["hint"]:
            yield f"hint: {error['hint']}"


def _shown(result: Result) -> Iterator[str]:
    """Yield what stdout shows of a result, each block as the terminal takes it."""
    tone = _TONES.get(result.tone)
    for block in result.show:
        shown = block if isinstance(block, str) else _drawn(block)
        yield styled(shown, tone, sys.stdout) if tone else shown
        tone = None  # the verdict alone


def print_text(text: str) -> None:
    """Print text on stdout at once, for what takes long. Raises `OSError`."""
    print(text, flush=True)  # noqa: T201


def say(text: str) -> None:
    """Print `text` on stderr."""
    head, colon, rest = text.partition(":")
    if colon and head in _STYLES:
        text = styled(f"{head}:", _STYLES[head], sys.stderr) + rest
    try:
        print(text, file=sys.stderr)  # noqa: T201
    except OSError:  # nobody listens, and there is nowhere to say so
        return


def styled(text: str, style: str, stream: TextIO | None) -> str:
    """Return the text as a terminal shows it in a style, and as it is for anything else."""
    if stream is None or not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream)  # knows terminals without colors
    with console.capture() as shown:
        console.print(Text(text, style=style), end="", soft_wrap=True)
    return shown.get()


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Give a callback that shows progress on stderr: bars on a terminal, else now and then a line.

    A job of CI shows nothing for minutes otherwise, and is taken for hung.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    bars = Progress(*columns, *times, console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def advance(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    with bars:
        yield advance


def _lines() -> Callable[[str, int, int], None]:
    """Return a callback that says how far it is, at most every `LINE_SECONDS`."""
    begun: dict[str, float] = {}
    said = time.monotonic()

    def advance(what: str, done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        since = begun.setdefault(what, now)
        if now - said < LINE_SECONDS or done >= total:
            return
        said = now
        left = f", about {span((now - since) / done * (total - done))} left" if done else ""
        say(f"{what}: {done} of {total}{left}")

    return advance


def _drawn(table: Table) -> str:
    plain = _plain(table)
    if not sys.stdout.isatty():
        return plain
    from rich.console import Console

    console = Console(force_terminal=True)
    left_out: list[str] = []
    while table.spare and max(map(len, plain.splitlines())) > console.width:
        left_out.append(table.spare[0])
        table = table.without(table.spare[0])
        plain = _plain(table)
    said = f"\nno room for {', '.join(left_out)}: a wider terminal, or `--json`, has them"
    return _boxed(table, plain, console) + said * bool(left_out)


def _plain(table: Table) -> str:
    rows = [[text_of(cell) for cell in row] for row in table.rows]
    return _columns([table.columns, *rows], table.title)


def _boxed(table: Table, plain: str, console: Console) -> str:
    """Return the table with lines around its cells, or `plain` where only that fits."""
    from rich.table import Table as Drawing
    from rich.text import Text

    drawing = Drawing(title=table.title or None, title_justify="left")
    for position, column in enumerate(table.columns):
        cells = [row[position] for row in table.rows]
        numeric = any(isinstance(cell, int | float) for cell in cells)
        drawing.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        drawing.add_row(*(Text(text_of(cell)) for cell in row))
    widest = max(map(len, plain.splitlines()))
    boxed = console.measure(drawing, options=console.options.update(width=10 * widest)).maximum
    if widest <= console.width < boxed:
        return plain  # better than words that are cut into three lines
    with console.capture() as drawn:
        console.print(drawing)
    return drawn.get().rstrip("\n")


def _columns(rows: Sequence[Sequence[str]], title: str) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([title, *lines] if title else lines)


def _finite(value: Any) -> Any:
    """Return `value` with NaN and infinities as null: JSON has no such numbers."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
