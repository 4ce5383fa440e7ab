"""What is said of real prices that may be none."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.words import are, counted, share

if TYPE_CHECKING:
    from housing_cli.judging.labels import Doubts, Suspects
    from housing_cli.loop.evaluation import Labels

MANY_REPEATED = 0.2
MOST_NAMED = 3


def warnings(labels: Labels) -> list[str]:
    """Return the doubts about labels in words; each a line, with lines below it that say more."""
    return [*_doubts(labels.doubts), *_repeated(labels)]


def payload(labels: Labels) -> dict[str, Any]:
    """Return the labels in `--json`; the codes of kinds are ours alone."""
    found = asdict(labels)
    del found["doubts"]["excluded"]
    return found


def _doubts(doubts: Doubts) -> list[str]:
    found = []
    if doubts.equal is not None:
        rounded = doubts.equal.rounded
        some = "" if rounded is None else f"some rounded to {rounded:g}; "
        found.append(
            f"{_of(doubts.equal, doubts.n)} the predicted price sent back\n"
            f"  {some}they do not count{_named(doubts.equal, 'equal')}"
        )
    if doubts.far is not None:
        counts = (
            "kept out of the verdict"
            if doubts.far.excluded
            else f"they count, for only {doubts.far.limit:g} may be typing errors"
        )
        found.append(
            f"{_of(doubts.far, doubts.n)} far off what was predicted\n"
            f"  a typing error, or another unit? {counts}{_named(doubts.far, 'far')}"
        )
    return found


def _repeated(labels: Labels) -> list[str]:
    if not labels.repeated_share or labels.repeated_share < MANY_REPEATED:
        return []
    asks = "asks" if labels.repeated == 1 else "ask"
    return [
        f"{labels.repeated} of the newest predictions ({share(labels.repeated_share)}) {asks} "
        "again for a house\n  each of them counts"
    ]


def _of(suspects: Suspects, n: int) -> str:
    count, of = suspects.count, counted(n, "real price")
    return f"{count} of {of} ({share(suspects.share)}) {are(count)}"


def _named(suspects: Suspects, key: str) -> str:
    """Return a line for each of the first few, and one that says where the others are."""
    if not suspects.examples:
        return "\n  all of them older than the rows that were read"
    lines = [str(one) for one in suspects.examples[:MOST_NAMED]]
    more = suspects.count - len(lines)
    if more:
        given, at = len(suspects.examples), f"data.labels.doubts.{key}.examples"
        lines.append(f"and {more} more (`--json` names {given}: {at})")
    return "".join(f"\n  {line}" for line in lines)
