"""The feature schema of a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

Bound = float | None
Limits = dict[str, tuple[Bound, Bound]]


class FeatureSchema(msgspec.Struct, frozen=True):
    """Names and order of the features, the target, and the allowed range of single features.

    `limits` maps a feature to `(low, high)`, both inclusive, `None` for open.
    """

    features: tuple[str, ...]
    target: str
    limits: Limits = {}


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
