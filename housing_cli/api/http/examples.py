"""A usual house, as `/docs` fills it in: what a request looks like, and one that is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from statistics import median
from typing import TYPE_CHECKING, Any

from housing_cli.data.kinds import EPOCH, Boolean, Category, Date

if TYPE_CHECKING:
    from housing_cli.data.kinds import Kind
    from housing_cli.data.schema import FeatureSchema

_DIGITS = 4


def usual_row(
    schema: FeatureSchema, rows: Sequence[Sequence[float | None]]
) -> dict[str, Any] | None:
    """Return the body of a usual house: of each number the median, of words the commonest.

    rows: (n, k), of the table that was learned, such as the golden rows of a version. `None`
    without any.
    """
    if not rows:
        return None
    columns = zip(schema.features, zip(*rows, strict=True), strict=True)
    return {name: _usual(schema.kinds.get(name), values) for name, values in columns}


def _usual(kind: Kind | None, values: Sequence[float | None]) -> Any:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if isinstance(kind, Category):
        words = {code: word for word, code in kind.codes.items()}
        counted = Counter(int(code) for code in known if int(code) in words)
        return words[counted.most_common(1)[0][0]] if counted else None
    if isinstance(kind, Boolean):
        return sum(known) * 2 > len(known)
    middle = median(known)
    if isinstance(kind, Date):
        return date.fromordinal(int(middle) + EPOCH).isoformat()
    if all(value == int(value) for value in known):
        return int(middle)
    return float(f"{middle:.{_DIGITS}g}")
