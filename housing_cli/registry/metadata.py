"""What the registry says of a version and of an event: the records in its JSON files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from housing_cli.data.metrics import METRICS
from housing_cli.data.schema import FeatureSchema, check_names, check_units

_HIGHEST = 1e39
"""No error of prices that float32 holds is larger."""


class DataInfo(Struct, frozen=True):
    """The table that a version learned from; `sha256` is that of the file's bytes.

    `rows` are the rows used, `copies` how many of these repeat the house of another, `dropped`
    says how many were left out and why, `feedback_rows` how many of `rows` came from labeled
    predictions.
    """

    path: str
    sha256: str
    rows: int
    dropped: dict[str, int] = {}
    feedback_rows: int = 0
    feedback_sha256: str | None = None
    copies: int = 0


class GitInfo(Struct, frozen=True):
    """The commit that the training code stood at; `None` outside a git checkout."""

    commit: str | None = None
    dirty: bool | None = None


class Golden(Struct, frozen=True):
    """Rows and the prices that the fitted model gave for them; `null` is a missing feature."""

    inputs: list[list[float | None]] = []
    outputs: list[float] = []


class Metadata(Struct, frozen=True):
    """`metadata.json` of one version. `metrics` is the cross-validated baseline.

    ranges: the least and the highest value that each number was learned with. importances: by how
    much the RMSE of unseen rows grows when a feature is shuffled among them, in the target's unit,
    the largest first. Both are empty for versions of an older tool. Its format is 2 where
    `schema.kinds` says something, else 1.
    """

    created: str
    schema: FeatureSchema
    regressor: str
    parameters: dict[str, Any]
    imputer: str
    seed: int
    metrics: dict[str, float]
    data: DataInfo
    git: GitInfo
    libraries: dict[str, str]
    golden: Golden
    files: dict[str, str] = {}
    tag: str | None = None
    parent: str | None = None
    evidence: dict[str, Any] = {}
    format: int = 1
    ranges: dict[str, tuple[float, float]] = {}
    target_scale: Literal["price", "log"] = "price"
    importances: dict[str, float] = {}


def parse_metadata(raw: bytes) -> Metadata:
    """Return what `metadata.json` says. Raises ValueError or RecursionError where it is none."""
    metadata = msgspec.json.decode(raw, type=Metadata)
    schema = metadata.schema
    check_names(schema.features, schema.target, schema.limits)
    check_units(schema.features, schema.target, schema.units)
    for name, value in metadata.metrics.items():
        if abs(value) > _HIGHEST or (name in METRICS and value < 0):
            raise ValueError(f"its `{name}` is {value:g}")
    for name, (low, high) in metadata.ranges.items():
        if not low <= high:
            raise ValueError(f"its range of `{name}` ends before it begins")
    if metadata.data.rows < 1 or not 0 <= metadata.data.copies < metadata.data.rows:
        raise ValueError(
            f"it learned from {metadata.data.rows} rows, {metadata.data.copies} copies"
        )
    return metadata


ENDED: Final = "ended"
"""What an alias stood for is production now."""
ABORTED: Final = "aborted"
"""What an alias stood for was given up."""
ENDINGS: Final = frozenset((ENDED, ABORTED))


class Event(Struct, frozen=True, kw_only=True):
    """One line of `history.jsonl`; `prev` is the SHA-256 of the line before (64 zeros at first).

    Its format is 2 where the alias ends, else 1.
    """

    when: str
    who: str
    event: str
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    why: str = ""
    alias: str | None = None
    evidence: dict[str, Any] = {}
    prev: str = "0" * 64
    format: int = 1

    @property
    def ends(self) -> str | None:
        """Return the alias that there is no more from then on; `None` where none ends."""
        return self.alias if self.event in ENDINGS and self.to is None else None


class Version(msgspec.Struct, frozen=True):
    """One registered model: `name` is `v3`, `directory` holds its files."""

    name: str
    directory: Path
    metadata: Metadata

    @property
    def number(self) -> int:
        """Return 3 for `v3`."""
        return int(self.name[1:])
