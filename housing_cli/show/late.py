"""What is said of labels that came too late for the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.words import span

if TYPE_CHECKING:
    from housing_cli.loop.late import LateLabels


def late_line(late: LateLabels | None) -> list[str]:
    """Return the line of late labels; none where they are a few beside those that count."""
    if late is None or not late.worth_saying:
        return []
    came, them = ("label came", "it") if late.n == 1 else ("labels came", "them")
    shortest, longest = span(late.shortest_delay), span(late.longest_delay)
    after = longest if shortest == longest else f"{shortest} to {longest}"
    return [
        f"{late.n} {came} too late for this window\n"
        f"  {after} after the prediction: `--window {late.window}` would count {them}"
    ]
