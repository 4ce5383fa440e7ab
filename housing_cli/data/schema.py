"""The feature schema of a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from housing_cli.data.kinds import Kind, name_of

Bound = float | None
Limits = dict[str, tuple[Bound, Bound]]


class FeatureSchema(msgspec.Struct, frozen=True):
    """Names and order of the features, the target, and the allowed range of single features.

    `limits` maps a feature to `(low, high)`, both inclusive, `None` for open. `kinds` says of what
    is no number what it is, once a table was read (`data/kinds.py`).
    """

    features: tuple[str, ...]
    target: str
    limits: Limits = {}
    kinds: dict[str, Kind] = {}

    def kind(self, name: str) -> Kind | None:
        """Return what a feature is, `None` for a number."""
        return self.kinds.get(name)

    def whole(self) -> tuple[int, ...]:
        """Return the places of the features that are codes or days."""
        return tuple(place for place, name in enumerate(self.features) if name in self.kinds)

    def kind_names(self) -> tuple[str, ...]:
        """Return the name of each feature's kind, in their order."""
        return tuple(name_of(self.kinds.get(name)) for name in self.features)


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
