"""What `housing demo` prints: each command as one types it, and what it says."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from housing_cli.errors import ExitCode
from housing_cli.show.printer import print_text, text_of_result, unwritten
from housing_cli.show.result import Result
from housing_cli.words import span


class UnheardError(Exception):
    """Nobody reads what is printed; `code`: what to exit with."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__(code)
        self.code = code


class Teller:
    """Prints the steps as they happen; silent: prints nothing. Raises `UnheardError`."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def happens(self, said: str) -> None:
        """Say what happens outside of the commands."""
        self._print(f"# {said}")

    def typed(self, words: str) -> None:
        """Show a command that runs now; words: those after `housing`."""
        self._print(f"$ housing {words}")

    def told(self, result: Result) -> None:
        """Show what a command said, and its exit code where that is not 0."""
        self._print(text_of_result(result))
        if result.exit_code != ExitCode.OK:
            self._print(f"# exit code {int(result.exit_code)}")

    def _print(self, text: str) -> None:
        if self._silent:
            return
        try:
            print_text(text)
        except OSError as error:
            raise UnheardError(unwritten(error)) from error


def ended(
    steps: Sequence[dict[str, Any]], folder: Path, seconds: float, carried: str = ""
) -> Result:
    """Return the result: every step, where all of it lies, and what to try there.

    carried: options that the next command needs as well.
    """
    where = str(folder)
    notes = [f"{span(seconds)}; registry, log and table are in `{where}`"]
    if where == ".":
        notes.append(f"next: housing status{carried}")
    else:
        notes.append(f"next: cd {shlex.quote(where)} && housing status{carried}")
    return Result("demo", {"steps": list(steps), "folder": where}, notes=notes)
