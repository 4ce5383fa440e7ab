"""What `housing train` says of a new version: the table, the `--json` payload, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.data.kinds import Category, name_of
from housing_cli.data.metrics import METRICS
from housing_cli.data.schema import FeatureSchema
from housing_cli.registry import MODEL_FILE
from housing_cli.show.advice import command_of, next_note
from housing_cli.show.reading import reading_notes
from housing_cli.show.result import Result, Table
from housing_cli.show.tuning import tuning_notes
from housing_cli.words import counted, folded

if TYPE_CHECKING:
    from housing_cli.loop.train import Trained
    from housing_cli.registry import DataInfo, Version


_MOST_KINDS = 12
"""Features that are no numbers, each told in a line."""
_MOST_UNITS = 5
"""Columns whose unit is another one, each with both units."""


def result_of(trained: Trained, carried: str = "") -> Result:
    """Return the result of a training; carried: options that the next command needs as well."""
    version = trained.version
    metadata, schema = version.metadata, version.metadata.schema
    score = {name: metadata.metrics[name] for name in (*METRICS, "r2")}
    following = next_notes(trained, carried)
    what = "is production now" if trained.production else "is registered"
    if trained.waits:
        what = "is the candidate: it needs a person's approval (`promote.require_approval`)"
    measured = Table(
        ["version", "tag", "rows", *(metric.label for metric in METRICS.values()), "R2"],
        [[version.name, metadata.tag, metadata.data.rows, *score.values()]],
    )
    return Result(
        "train",
        {
            "version": version.name,
            "tag": metadata.tag,
            "production": trained.production,
            "candidate": trained.waits,
            "metrics": dict(metadata.metrics),
            "rows": metadata.data.rows,
            "copies": metadata.data.copies,
            "kinds": dict(zip(schema.features, schema.kind_names(), strict=True)),
            "dropped": trained.dropped,
            "read": trained.reading.as_dict(),
            "data_sha256": metadata.data.sha256,
            "model_sha256": metadata.files[MODEL_FILE],
            "tuning": metadata.evidence.get("tuning"),
            "path": str(version.directory),
            "promotion_refused": trained.refused or None,
            "next": command_of(following),
        },
        show=[f"{version.name} {what}", measured],
        notes=[
            *reading_notes(trained.reading),
            *(f"note: left out {why}: {n}" for why, n in trained.dropped.items()),
            *_kinds_note(schema),
            *units_note(trained.before, version),
            *model_notes(version),
            *following,
        ],
        outputs={
            "version": version.name,
            "production": trained.production,
            "candidate": trained.waits,
            **score,
        },
    )


def model_notes(version: Version) -> list[str]:
    """Return what there is to say of a model itself."""
    known = version.metadata
    useless = _useless_note(known.metrics["r2"])
    return [*_copies_note(known.data), *tuning_notes(known.evidence), *useless]


def _useless_note(r2: float) -> list[str]:
    if r2 >= 0:
        return []
    return [
        f"warning: R2 is {r2:.2f}: the mean of all prices would be nearer than this model\n"
        "  are target and features the right columns? are there more rows?"
    ]


def next_notes(trained: Trained, carried: str) -> list[str]:
    """Return what to type next: nothing that would be refused."""
    name = trained.version.name
    if trained.production:
        return [next_note("serve" + carried)]
    if trained.unsigned:
        where = "where the signing key is: nobody signed it here"
        return [next_note(f"registry sign {name} --untrusted{carried}", where)]
    if not trained.refused:
        return [next_note(f"promote {name}{carried}")]
    why = folded(f"note: `promote` would refuse it without `--force`: {trained.refused}")
    return [why, next_note(f"registry diff production {name}{carried}")]


def _kinds_note(schema: FeatureSchema) -> list[str]:
    """Say what is no number, a line each; what was misread can be set."""
    if not schema.kinds:
        return []
    said = ["note: read as no numbers (`[data.kinds]` sets what is misread):"]
    for name, kind in list(schema.kinds.items())[:_MOST_KINDS]:
        words = name_of(kind)
        if isinstance(kind, Category):
            by = "a column each" if kind.encoding == "one-hot" else "by the mean price of each"
            words += f" of {counted(len(kind.codes), 'word')}, {by}"
        said.append(f"  {name}: {words}")
    if (more := len(schema.kinds) - _MOST_KINDS) > 0:
        said.append(f"  and {more} more, which `--json` has")
    return ["\n".join(said)]


def units_note(before: Version | None, version: Version) -> list[str]:
    """Warn of columns that are counted in another unit than in the version before."""
    if before is None:
        return []
    now, then = version.metadata.schema, before.metadata.schema
    other = now.other_units(then)
    said = [f"{name} (`{then.units[name]}`, now `{now.units[name]}`)" for name in other]
    if (more := len(said) - _MOST_UNITS) > 0:
        said[_MOST_UNITS:] = [f"and {more} more (`housing registry diff`)"]
    why = "nothing is converted: requests and real prices must come in the new units, too"
    told = f"warning: other units than those of {before.name}: {', '.join(said)}; {why}"
    return [folded(told)] if other else []


def _copies_note(data: DataInfo) -> list[str]:
    if not data.copies:
        return []
    said = (
        "is a copy of a house, or its later sale"
        if data.copies == 1
        else ("are copies of a house, or its later sales")
    )
    return [
        f"note: {data.copies} of {counted(data.rows, 'row')} {said}\n"
        "  kept on one side of each fold"
    ]
