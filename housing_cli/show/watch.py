"""A result that is looked at again and again, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from housing_cli.errors import ExitCode, HousingError
from housing_cli.show.printer import print_result, text_of_result, unwritten
from housing_cli.show.result import Result, failure


def watch(look: Callable[[], Result], seconds: float, *, as_json: bool) -> ExitCode:
    """Show what `look` finds each so many seconds; on a terminal in the place of the last.

    A known failure is shown like any other result: it may be over at the next look. Ends with 0 at
    Ctrl-C, and where nobody reads any more.
    """
    try:
        if not as_json and sys.stdout.isatty():
            _live(look, seconds)
        while True:
            print_result(_found(look), as_json=as_json)
            sys.stdout.flush()
            time.sleep(seconds)
    except KeyboardInterrupt:
        return ExitCode.OK
    except OSError as error:
        return unwritten(error)


def _found(look: Callable[[], Result]) -> Result:
    try:
        return look()
    except HousingError as error:
        return failure("status", error, ExitCode.FAILURE)


def _live(look: Callable[[], Result], seconds: float) -> None:
    """Draw in one place until Ctrl-C, which leaves the last look on the screen."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def drawn() -> Text:
        at = time.strftime("%H:%M:%S")
        shown = text_of_result(_found(look))
        return Text.from_ansi(f"{shown}\n{at}, again each {seconds:g} s; Ctrl-C ends")

    with Live(drawn(), console=Console(), auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            live.update(drawn(), refresh=True)
