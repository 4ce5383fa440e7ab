"""The feature schema of a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from housing_cli.data.kinds import Kind, name_of

Bound = float | None
Limits = dict[str, tuple[Bound, Bound]]
Units = dict[str, str]

LONGEST_UNIT = 40
"""Characters: a unit stands beside a name, in forms and tables."""


class FeatureSchema(msgspec.Struct, frozen=True):
    """Names and order of the features, the target, and the allowed range of single features.

    `limits` maps a feature to `(low, high)`, both inclusive, `None` for open. `kinds` says of what
    is no number what it is, once a table was read (`data/kinds.py`). `units` says of features and
    target what they are counted in: for people alone, nothing is converted.
    """

    features: tuple[str, ...]
    target: str
    limits: Limits = {}
    kinds: dict[str, Kind] = {}
    units: Units = {}

    def kind(self, name: str) -> Kind | None:
        """Return what a feature is, `None` for a number."""
        return self.kinds.get(name)

    def whole(self) -> tuple[int, ...]:
        """Return the places of the features that are codes or days."""
        return tuple(place for place, name in enumerate(self.features) if name in self.kinds)

    def kind_names(self) -> tuple[str, ...]:
        """Return the name of each feature's kind, in their order."""
        return tuple(name_of(self.kinds.get(name)) for name in self.features)

    def fits(self, other: FeatureSchema) -> bool:
        """Return whether both take the same rows: all but the units is the same."""
        return msgspec.structs.replace(self, units={}) == msgspec.structs.replace(other, units={})

    def other_units(self, other: FeatureSchema) -> tuple[str, ...]:
        """Return the columns of which both say a unit, and not the same."""
        return tuple(n for n, unit in self.units.items() if other.units.get(n, unit) != unit)


RESERVED = frozenset({"id", "timestamp", "model_version", "predicted_price"})
"""The prediction log's own columns."""


def check_names(features: Sequence[str], target: str, limits: Limits) -> None:
    """Raise ValueError where columns are called what cannot be trained, logged and served.

    A name becomes a column of csv and databases, a key of JSON and a word in messages. Nothing is
    made of code or SQL by pasting it, so that other marks than these do no harm: msgspec, which
    reads requests, has no keys with quotes, backslashes or control characters.
    """
    columns = [*features, target]
    if not features or not all(columns):
        raise ValueError("a column without a name, or no feature at all")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    taken = sorted(RESERVED & set(columns))
    if twice:
        raise ValueError(f"column `{twice[0]}` is named twice")
    if taken:
        raise ValueError(f"column `{taken[0]}` is a column of the prediction log")
    for name in columns:
        if name != name.strip() or not name.isprintable():
            raise ValueError(f"column {name!r} begins or ends with a blank, or breaks the line")
        if '"' in name or "\\" in name:
            raise ValueError(
                f"column `{name}` has a quotation mark or a backslash in its name, which requests "
                "cannot carry: rename it in the table"
            )
    for name, (low, high) in limits.items():
        if name not in features:
            raise ValueError(f"limits for `{name}`, which is not a feature")
        if low is not None and high is not None and low > high:
            raise ValueError(f"limits for `{name}` exclude every value: {low:g} to {high:g}")


def check_units(features: Sequence[str], target: str, units: Units) -> None:
    """Raise ValueError where a unit is of no column, or cannot stand beside a name on one line."""
    for name, unit in units.items():
        if name != target and name not in features:
            raise ValueError(f"a unit for `{name}`, which is neither a feature nor the target")
        if not 1 <= len(unit) <= LONGEST_UNIT or not unit.isprintable() or unit != unit.strip():
            raise ValueError(
                f"the unit of `{name}` is {unit!a}, not 1 to {LONGEST_UNIT} printable characters "
                "without a blank at either end"
            )
