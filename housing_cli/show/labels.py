"""What is said of real prices that may be none."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from housing_cli.judging.labels import Doubts, Suspects
    from housing_cli.loop.evaluate import Labels

MANY_REPEATED = 0.2


def warnings(labels: Labels) -> list[str]:
    """Return the doubts about labels in words, one sentence each."""
    return [*_doubts(labels.doubts), *_repeated(labels)]


def payload(labels: Labels) -> dict[str, Any]:
    """Return the labels in `--json`; the codes of kinds are ours alone."""
    found = asdict(labels)
    del found["doubts"]["excluded"]
    return found


def _doubts(doubts: Doubts) -> list[str]:
    found = []
    if doubts.equal is not None:
        found.append(
            f"{_of(doubts.equal, doubts.n)} the predicted price sent back{_rounded(doubts.equal)}; "
            f"they do not count: {_named(doubts.equal)}"
        )
    if doubts.far is not None:
        counted = (
            "kept out of the verdict"
            if doubts.far.excluded
            else f"more than the {doubts.far.limit:g} that may be typing errors, so they count"
        )
        found.append(
            f"{_of(doubts.far, doubts.n)} far off what was predicted (a typing error, or another "
            f"unit?), {counted}: {_named(doubts.far)}"
        )
    return found


def _repeated(labels: Labels) -> list[str]:
    if not labels.repeated_share or labels.repeated_share < MANY_REPEATED:
        return []
    return [
        f"{labels.repeated} of the newest predictions ({labels.repeated_share:.0%}) ask again for "
        "a house that was asked for; each of them counts"
    ]


def _of(suspects: Suspects, n: int) -> str:
    verb = "is" if suspects.count == 1 else "are"
    return f"{suspects.count} of {n} real prices ({suspects.share:.0%}) {verb}"


def _rounded(suspects: Suspects) -> str:
    return "" if suspects.rounded is None else f", some rounded to {suspects.rounded:g}"


def _named(suspects: Suspects) -> str:
    named = ", ".join(map(str, suspects.examples))
    more = suspects.count - len(suspects.examples)
    return f"{named} and {more} more" if more and named else named or "all of them older"
