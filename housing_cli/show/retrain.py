"""What `housing retrain` says of a challenger: the table, the `--json` payload, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from housing_cli.data.metrics import METRICS
from housing_cli.registry.names import CANDIDATE
from housing_cli.show.advice import command_of, next_note
from housing_cli.show.promote import NEXT, moved_words
from housing_cli.show.refusal import reason_lines, unlearned
from housing_cli.show.result import Cell, Result, Table
from housing_cli.show.train import units_note
from housing_cli.show.tuning import tuning_notes
from housing_cli.words import counted, share

if TYPE_CHECKING:
    from housing_cli.loop.evaluation import Evaluation
    from housing_cli.loop.retrain import Retrained


def not_needed(judged: Evaluation) -> Result:
    """Return the result where production is not degraded, with `--if-degraded`."""
    name, verdict = judged.version.name, judged.verdict
    return Result(
        "retrain",
        {"version": name, "champion": name, "promoted": False, "verdict": verdict.verdict},
        show=[f"{name} stays: its verdict is {verdict.verdict}"],
        outputs={"version": name, "promoted": False, "verdict": verdict.verdict},
    )


def result_of(done: Retrained, carried: str = "") -> Result:
    """Return the result of a challenger that was accepted.

    carried: options that the next command needs as well.
    """
    found = done.comparison
    name, champion = done.version.name, done.champion.name
    if done.promoted:
        what = f"{name} is production now"
    elif found["wins"]:
        what = f"{name} beats {champion}"
    else:
        what = f"{name} is accepted by force"
    moved = done.moved
    if moved is not None:
        what += f"; {moved_words(moved)}"
    columns = ["rows", "n", f"{champion} {METRICS[found['metric']].label}", name, "better on"]
    low, high = found["interval"]
    notes = _notes(done, carried)
    return Result(
        "retrain",
        {
            "version": name,
            "champion": champion,
            "promoted": done.promoted,
            "to": moved and moved.alias,
            "replaced": moved and moved.replaced,
            "reused": done.reused,
            "comparison": dict(found),
            "metrics": dict(done.version.metadata.metrics),
            "data_path": done.version.metadata.data.path,
            "data_rows_added": done.base and done.base.added,
            "feedback_rows": done.version.metadata.data.feedback_rows,
            "feedback_left_out": done.left_out,
            "overlap": done.evidence.get("overlap"),
            "feedback_equal_to_prediction": done.equal,
            "feedback_beyond_float32": done.unfit[0],
            "feedback_beyond_float32_rows": list(done.unfit[1]),
            "next": command_of(notes),
        },
        show=[
            what,
            Table(columns, comparison_rows(found)),
            f"difference on recent rows: {found['difference']:+.3f}, 95 % interval "
            f"{low:+.3f} to {high:+.3f}",
            _level(done),
        ],
        notes=notes,
        outputs={
            "version": name,
            "promoted": done.promoted,
            "champion": found["champion"],
            "challenger": found["challenger"],
            "candidate": name if moved is not None and moved.alias == CANDIDATE else "",
        },
    )


def _level(done: Retrained) -> str:
    if _overlap(done)["share"] > 0:
        return f"price level: {done.comparison['level']:.2f} of the base data's"
    return "price level: not estimated, the base data's is kept"


def _overlap(done: Retrained) -> Mapping[str, Any]:
    found: Mapping[str, Any] = done.evidence.get("overlap") or {"share": 1.0}
    return found


def _notes(done: Retrained, carried: str) -> list[str]:
    found, name = done.comparison, done.version.name
    notes = [done.base.note] if done.base is not None and done.base.note else []
    if not found["wins"]:
        reasons = reason_lines(found, "data.comparison")
        notes.append("\n".join(["warning: forced although", *reasons]))
    if done.left_out:
        learned = done.version.metadata.data.feedback_rows
        notes.append(
            f"note: learned from the newest {counted(learned, 'real price')}\n"
            f"  left out {counted(done.left_out, 'older one')} (`retrain.max_rows`)"
        )
    overlap = _overlap(done)
    if overlap["share"] < 1:
        notes.append(
            f"note: {share(1 - overlap['share'])} of the real prices are of houses unlike any in "
            f"the base data\n  they say nothing of the price level (AUC {overlap['auc']:.2f})"
        )
    notes += _parts(found)
    told = {
        "equal_to_prediction": done.equal,
        "beyond_float32": done.unfit[0],
        "beyond_float32_rows": done.unfit[1],
    }
    notes += unlearned(told, "data.feedback_beyond_float32_rows")
    if done.reused:
        notes.append(f"note: {name} was already made of the same real prices")
    notes += units_note(done.champion, done.version)
    notes += tuning_notes(done.version.metadata.evidence)
    if done.promoted:
        return notes
    if done.moved is not None and done.moved.doubt:
        return [*notes, f"{name}: {done.moved.doubt}"]
    if done.moved is not None and done.moved.alias in NEXT:
        return [*notes, next_note(NEXT[done.moved.alias] + carried)]
    force = "" if found["wins"] else " --force"
    return [*notes, next_note(f"promote {name}{force}{carried}")]


def _parts(found: Mapping[str, Any]) -> list[str]:
    """Return in which part of the stock the challenger is worse, beyond chance and the threshold.

    A part that refuses a challenger stands among the reasons.
    """
    stock = found.get("stock") or {}
    from housing_cli.judging.segments import in_words

    notes = []
    words = {"recent": "rows of the feedback,", "old": "old rows of"}
    for rows, named in (("recent", stock.get("worse")), ("old", stock.get("ruined"))):
        if not named or (rows == "old" and not found["wins"]):
            continue
        part = stock[rows]
        where = in_words(part["axis"], part["low"], part["high"], part.get("word"))
        notes.append(
            f"note: worse on {part['n']} {words[rows]} {where}\n"
            f"  {METRICS[found['metric']].label} {part['challenger']:.3f} against "
            f"{part['champion']:.3f}"
        )
    return notes


def comparison_rows(found: Mapping[str, Any]) -> list[list[Cell]]:
    """Return rows, n, champion, challenger and share of rows it is better on, of a comparison."""
    sides = {"recent": found, **({"base": found["base"]} if found.get("base") else {})}
    return [
        [name, side["n"], side["champion"], side["challenger"], share(side["improved"])]
        for name, side in sides.items()
    ]
