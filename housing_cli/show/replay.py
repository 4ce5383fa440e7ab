"""What `housing evaluate --replay` says: one sentence, the figures, the `--json` payload."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.errors import ExitCode
from housing_cli.show.result import Cell, Result, Table
from housing_cli.words import are, counted, figure, share

if TYPE_CHECKING:
    from housing_cli.loop.replay import Compared, Replay

_WORDS = {
    "better": "would have done better than what was answered",
    "worse": "would have done worse than what was answered",
    "undecided": "and what was answered cannot be told apart yet",
}


def replay_result(found: Replay, *, strict: bool) -> Result:
    """Return the result of one replay; it is never degraded, and gives CI no verdict to act on."""
    insufficient = found.verdict == "insufficient"
    show: list[str | Table] = [replay_sentence(found)]
    if found.compared is not None:
        show.append(_table(found, found.compared))
        show.append(_sequence_line(found, found.compared))
    show.append(_rows_line(found))
    return Result(
        "evaluate",
        replay_payload(found),
        show=show,
        status="insufficient" if insufficient else "ok",
        exit_code=ExitCode.INSUFFICIENT if insufficient and strict else ExitCode.OK,
        notes=_notes(found),
    )


def replay_payload(found: Replay) -> dict[str, Any]:
    """Return the `data` of `--json`.

    The keys that every `evaluate` has say that nothing was judged: a replay asks what would have
    been, of rows that another version answered.
    """
    skip = ("version", "window", "compared")
    fields = {key: getattr(found, key) for key in found.__slots__ if key not in skip}
    compared: dict[str, Any] = dict.fromkeys(
        ("answered", "replayed", "difference", "mean_difference", "sequence", "differing")
    )
    better: dict[str, Any] = dict.fromkeys(("share", "interval", "e_value"))
    if found.compared is not None:
        compared = asdict(found.compared)
        share = found.compared.better
        better = {"share": share.value, "interval": share.interval, "e_value": share.e_value}
    return {
        "version": found.version.name,
        "metric": found.metric,
        "baseline": found.baseline,
        "current": None,
        "ratio": None,
        "threshold": None,
        "n": 0,
        "verdict": "insufficient",
        "interval": None,
        "window": found.window.text,
        "replay": {**fields, **compared, "better": better, "sentence": replay_sentence(found)},
    }


def replay_sentence(found: Replay) -> str:
    """Return the answer in words."""
    name = found.version.name
    if found.verdict == "insufficient":
        return (
            f"{name} cannot be compared: {counted(found.n, 'labeled row')} {are(found.n)} fair to "
            f"it, and {found.min_samples} {are(found.min_samples)} needed"
        )
    return f"{name} {_WORDS[found.verdict]}, on {counted(found.n, 'labeled row')}"


def _table(found: Replay, compared: Compared) -> Table:
    value, (low, high) = compared.better.value, compared.better.interval
    row: list[Cell] = [
        found.version.name,
        found.metric,
        found.n,
        compared.answered,
        compared.replayed,
        f"{compared.difference:+.4g}",
        f"{share(value)} ({share(low)} to {share(high)})" if compared.differing else None,
    ]
    columns = ["version", "metric", "n", "answered", "replayed", "difference", "rows nearer"]
    return Table(columns, [row])


def _sequence_line(found: Replay, compared: Compared) -> str:
    low, high = compared.sequence
    loss = "squared error" if METRICS[found.metric].power != 1 else "absolute error"
    return (
        f"mean difference of the {loss}, at most {figure(found.clip, 3)} a row: "
        f"{compared.mean_difference:+.3g}\n  {100 * found.confidence:g}% confidence sequence "
        f"{low:+.3g} to {high:+.3g}"
    )


def _rows_line(found: Replay) -> str:
    name = found.version.name
    left_out = {
        f"that {name} may have learned from": found.learned,
        f"that {name} answered itself": found.own,
        "older than another one of the same house": found.repeated,
        "with a doubtful price": found.doubtful,
    }
    lines = [f"  left out: {n} {why}" for why, n in left_out.items() if n]
    return "\n".join([f"labeled rows: {found.labeled}", *lines])


def _notes(found: Replay) -> list[str]:
    if found.skipped:
        return [f"warning: left out {counted(found.skipped, 'broken line')} of the log"]
    return []
