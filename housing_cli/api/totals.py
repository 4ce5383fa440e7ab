"""The counters that people ask for first, out of all metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample


def totals_of(families: Iterable[Metric]) -> dict[str, float]:
    """Return sums over versions, and the time to answer.

    predicted, refused: rows. labeled: real prices. failed: answers of 500 and above. log_errors:
    of the log. p50, p99: seconds that 200 of `/predict` took, where any did.
    """
    found = {family.name: family.samples for family in families}

    def total(name: str, **labels: str) -> float:
        return sum(
            sample.value
            for sample in found.get(f"housing_{name}", ())
            if sample.name.endswith(("_total", "_count"))
            and all(sample.labels.get(key) == value for key, value in labels.items())
        )

    seconds = found.get("housing_request_seconds", ())
    return {
        "predicted": total("predictions", outcome="ok"),
        "refused": total("predictions") - total("predictions", outcome="ok"),
        "labeled": total("feedback", outcome="recorded"),
        "failed": sum(
            sample.value
            for sample in seconds
            if sample.name.endswith("_count") and sample.labels["status"] >= "500"
        ),
        "log_errors": total("log_errors"),
        **_quantiles(seconds),
    }


def _quantiles(samples: Iterable[Sample]) -> dict[str, float]:
    """Return the quantiles of answered predictions, read off the buckets of the histogram."""
    buckets = sorted(
        (float(sample.labels["le"]), sample.value)
        for sample in samples
        if sample.name.endswith("_bucket")
        and (sample.labels["route"], sample.labels["status"]) == ("/predict", "200")
    )
    if not buckets or not buckets[-1][1]:
        return {}
    found, n = {}, buckets[-1][1]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        low, below = 0.0, 0.0
        for bound, count in buckets:
            if count >= share * n:
                within = (share * n - below) / (count - below)
                found[name] = low + within * (bound - low) if math.isfinite(bound) else low
                break
            low, below = bound, count
    return found
