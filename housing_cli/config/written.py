"""The settings file of a table: what differs from the defaults, with a comment for each column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

MANY_ROWS, VERY_MANY_ROWS = 1_000, 5_000
"""From the first on one shuffle of the folds will do, from the second on a forest is large."""
_LOGARITHM = (
    'target = "log"                      # prices spread over decades: errors count by factor'
)
_BOOSTING = """# Smaller and faster than a forest where rows are many:
regressor = "HistGradientBoostingRegressor"  # docs/decisions/tuning.md

[model.params]
max_iter = 500
learning_rate = 0.06
max_leaf_nodes = 31
min_samples_leaf = 20
l2_regularization = 1.0
max_features = 0.5
early_stopping = false              # it would hold back a tenth of the rows"""
_ONCE = """
[train]
repeats = 1                         # with so many rows one shuffle of the folds swings by little
"""
_COLUMN = 36
DECADES = 100.0
"""Above this ratio of the dearest house to the cheapest the logarithm is learned."""


@dataclass(frozen=True, slots=True)
class Line:
    """A column in the settings file, and what is said of it."""

    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class Described:
    """What a settings file says of a table of so many rows.

    title: comments at its top, a line each. kinds: what the table would tell otherwise. spread: the
    price that 1 % are above by the one that 1 % are below. units: of features and target, as far as
    the table tells them.
    """

    title: Sequence[str]
    path: str
    target: Line
    features: Sequence[Line]
    left_out: Sequence[Line]
    kinds: Mapping[str, str]
    rows: int
    registry: str
    log: str
    spread: float = 1.0
    units: Mapping[str, str] = field(default_factory=dict)


def settings_text(table: Described) -> str:
    """Return the settings file in TOML."""
    lines = [f"# {_one_line(line)}" for line in table.title]
    lines += ["", "[data]", f"path = {quoted(table.path)}"]
    lines += [_commented(f"target = {quoted(table.target.name)}", table.target.comment)]
    lines += ["features = ["]
    lines += [_commented(f"    {quoted(line.name)},", line.comment) for line in table.features]
    lines += ["]"]
    if table.left_out:
        lines += ["# Left out; what stands among the features instead is learned:"]
        lines += [_commented(f"#   {quoted(line.name)},", line.comment) for line in table.left_out]
    lines += [
        "",
        "[data.kinds]                        # what the table alone would tell otherwise:",
    ]
    lines += [f"{quoted(name)} = {quoted(kind)}" for name, kind in table.kinds.items()]
    lines += (
        [] if table.kinds else ['# zipcode = "category"              # or number, boolean, date']
    )
    lines += ["", "[data.limits]                       # allowed range of a feature:"]
    lines += ["# rooms = [1, 20]"]
    lines += ["", "[data.units]                        # of features and target, for people:"]
    lines += [f"{quoted(name)} = {quoted(unit)}" for name, unit in table.units.items()]
    lines += [] if table.units else [f'# {quoted(table.target.name)} = "EUR"']
    text = "\n".join(lines) + "\n"
    model = [_LOGARITHM] if table.spread > DECADES else []
    model += [_BOOSTING] if table.rows > VERY_MANY_ROWS else []
    text += "\n".join(["\n[model]", *model, ""]) if model else ""
    if table.rows > MANY_ROWS:
        text += _ONCE
    text += f"\n[registry]\npath = {quoted(table.registry)}\n\n[log]\nurl = {quoted(table.log)}\n"
    return text


def quoted(text: str) -> str:
    """Return a text as TOML has it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _commented(line: str, comment: str) -> str:
    return f"{line.ljust(_COLUMN)}# {_one_line(comment)}" if comment else line


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
