"""The feature schema of a table."""

from __future__ import annotations

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
