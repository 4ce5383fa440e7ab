"""Why a challenger is refused, for people: a reason a line, and doubtful prices below it.

In `--json` and in the history the reasons stand in one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from housing_cli.errors import GateRefused, HousingError, InsufficientEvidence
from housing_cli.words import are, counted, folded

MOST_NAMED = 3


def error_text(error: HousingError) -> str:
    """Return what to print of a known failure; of most it is the message as it is."""
    message = f"error: {error.message}"
    if not isinstance(error, GateRefused | InsufficientEvidence):
        return message
    # `retrain` gives the comparison, `promote` has it in its evidence.
    at = "data.comparison" if "comparison" in error.evidence else "data"
    found: Any = error.evidence.get("comparison", error.evidence)
    joined = "; ".join(found.get("reasons", ()))
    lines = [folded(message)]
    if joined and message.endswith(joined):
        lines = [message.removesuffix(joined).rstrip(), *reason_lines(found, at)]
    feedback: Any = error.evidence.get("feedback", {})
    return "\n".join([*lines, *unlearned(feedback, "data.feedback.beyond_float32_rows")])


def unlearned(feedback: Mapping[str, Any], at: str) -> list[str]:
    """Return which real prices were not learned, and why.

    feedback: as the evidence of a version has it. at: the key of `--json` that names the rows.
    """
    notes = []
    if equal := int(feedback.get("equal_to_prediction", 0)):
        notes.append(
            f"warning: {counted(equal, 'real price')} {are(equal)} the predicted price sent back\n"
            "  not learned"
        )
    if beyond := int(feedback.get("beyond_float32", 0)):
        lines = [
            f"warning: {counted(beyond, 'real price')} {are(beyond)} of a house with a number "
            "beyond float32",
            "  no model can take it; not learned:",
            *named_lines(feedback.get("beyond_float32_rows", ()), beyond, at),
        ]
        notes.append("\n".join(lines))
    return notes


def reason_lines(comparison: Mapping[str, Any], at: str) -> list[str]:
    """Return the reasons of a comparison, a line or more each; at: where `--json` has it."""
    return [
        line
        for reason in comparison["reasons"]
        for line in _lines(reason, list(comparison.get("named", ())), at)
    ]


def named_lines(named: Sequence[str], count: int, at: str) -> list[str]:
    """Return a line for each of the first of `count` rows, and one that says where others are.

    named: some of the rows, in words; at: the key of `--json` that has them.
    """
    lines = [f"  {one}" for one in named[:MOST_NAMED]]
    if count > len(lines):
        lines.append(f"  and {count - len(lines)} more (`--json` names {len(named)}: {at})")
    return lines


def _lines(reason: str, named: list[str], at: str) -> list[str]:
    """Return one reason as lines; the prices that it names at its end on lines of their own."""
    for k in range(len(named), 0, -1):
        tail = " " + ", ".join(named[:k])
        if reason.endswith(tail):
            first = reason.partition(" ")[0]  # how many there are
            count = int(first) if first.isdigit() else k
            said = folded(reason.removesuffix(tail), "- ")
            return [said, *named_lines(named[:k], count, f"{at}.named")]
    return [folded(reason, "- ")]
