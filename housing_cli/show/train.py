"""What `housing train` says of a new version: the table, the `--json` payload, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housing_cli.data.metrics import METRICS
from housing_cli.registry import MODEL_FILE
from housing_cli.show.result import Result, Table
from housing_cli.show.tuning import tuning_notes
from housing_cli.words import counted

if TYPE_CHECKING:
    from housing_cli.loop.train import Trained
    from housing_cli.registry import DataInfo


def result_of(trained: Trained) -> Result:
    """Return the result of a training."""
    version = trained.version
    metadata = version.metadata
    score = {name: metadata.metrics[name] for name in (*METRICS, "r2")}
    what = "is production now" if trained.production else "is registered"
    following = "serve" if trained.production else f"promote {version.name}"
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
            "metrics": dict(metadata.metrics),
            "rows": metadata.data.rows,
            "copies": metadata.data.copies,
            "dropped": trained.dropped,
            "data_sha256": metadata.data.sha256,
            "model_sha256": metadata.files[MODEL_FILE],
            "tuning": metadata.evidence.get("tuning"),
            "path": str(version.directory),
        },
        show=[f"{version.name} {what}", measured],
        notes=[
            *(f"note: left out {why}: {n}" for why, n in trained.dropped.items()),
            *_copies_note(metadata.data),
            *tuning_notes(metadata.evidence),
            f"next: housing {following}",
        ],
        outputs={"version": version.name, "production": trained.production, **score},
    )


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
