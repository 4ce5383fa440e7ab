"""Every Prometheus metric, defined once, and cheap enough for the hot path.

An observation of the client library costs 2 to 5 us, more with several workers. The hot path
therefore only appends to lists; `flush` turns them into a few bucket increments, at every scrape
and several times a second. With several workers the library's multiprocess mode adds them up
(see `worker_metrics`); what other workers did shows up after their next flush.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_left
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from housing_cli.api.process import worker_metrics
from housing_cli.api.totals import totals_of
from housing_cli.registry import MODEL_FILE
from housing_cli.registry.names import CANARY, SHADOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client import CollectorRegistry, Histogram
    from prometheus_client.core import Metric

    from housing_cli.api.served import Served
    from housing_cli.api.trials import Tried
    from housing_cli.prediction_log import Feedback

logger = logging.getLogger("housing.serve")

LATENCY_BUCKETS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
)  # fmt: skip
PRICE_BUCKETS: Final = (2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 50.0, 75.0, 100.0)
LAG_BUCKETS: Final = (1.0, 60.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0, 7776000.0)
LIVE_ROWS: Final = 500
"""Labeled rows of a version that its live error is made of, in each worker."""
FLUSH_AT: Final = 4096


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self._directory, alone = worker_metrics.join()
        # Whether values are shared between workers is decided when the library is imported.
        from prometheus_client import CollectorRegistry, Gauge

        self._registry = CollectorRegistry()
        self._declare(self._registry)
        if alone:
            Gauge(
                "housing_metrics_alone",
                "1: these are of one worker alone, as those of all could not be added up.",
                registry=self._registry,
            ).set(1)
        self._answered: dict[tuple[str, int], list[float]] = {}
        self._children: dict[tuple[str, int], Histogram] = {}
        self._scored: dict[str, list[float]] = {}
        self._errors: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        self._shown: tuple[str, str, str] | None = None
        self._called: dict[str, list[float]] = {}
        self._tried: dict[str, str] = {}
        self._left_version = ""

    def _declare(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"housing_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
            return Histogram(
                f"housing_{name}", text, labels, registry=registry, buckets=tuple(buckets)
            )

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(
                f"housing_{name}", text, labels, registry=registry, multiprocess_mode="livesum"
            )

        self._seconds = histogram(
            "request_seconds", "Time to answer.", LATENCY_BUCKETS, "route", "status"
        )
        self._predictions = counter(
            "predictions", "Rows asked for, by outcome.", "version", "outcome"
        )
        self._feedback = counter(
            "feedback", "Real prices, by version and outcome.", "version", "outcome"
        )
        self._price = histogram(
            "predicted_price", "Predicted prices, in the target's unit.", PRICE_BUCKETS, "version"
        )
        self._lag = histogram(
            "feedback_lag_seconds", "From prediction to real price.", LAG_BUCKETS, "version"
        )
        live = "of the newest labeled rows, by version."
        self._live_rows = gauge("live_rows", f"Number {live}", "version")
        self._live_absolute = gauge("live_absolute_error_sum", f"Absolute errors {live}", "version")
        self._live_squared = gauge("live_squared_error_sum", f"Squared errors {live}", "version")
        self._info = gauge(
            "model_info", "Workers that serve a version.", "version", "tag", "sha256"
        )
        self._reloads = counter("reloads", "Changes of the served version, by outcome.", "outcome")
        self._stale = gauge("reload_refused", "Workers that refuse the version they should serve.")
        self._factors = Gauge(
            "housing_interval_factor",
            "What recent labels made of the intervals' ends; 1 is as trained.",
            ["end"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._unknown = counter(
            "unknown_categories", "Words that the model did not learn from, by feature.", "feature"
        )
        self._outside = counter(
            "outside_range", "Values beyond all that the model learned from, by feature.", "feature"
        )
        self._model = histogram(
            "model_call_seconds",
            "Time of a model's call while a canary is tried.",
            LATENCY_BUCKETS,
            "arm",
        )
        self._shadow_rows = counter(
            "shadow_rows", "Rows that a shadow was asked for, by outcome.", "version", "outcome"
        )
        self._trials = gauge("trial_info", "Workers that try a version.", "alias", "version")
        self._refusals = gauge(
            "trial_refused", "Workers that refuse the version that an alias names.", "alias"
        )
        self._weight = Gauge(
            "housing_canary_weight",
            "Percent of the rows that are the canary's.",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._left = gauge("canary_left", "Workers that left a canary by themselves.", "version")
        self._log_errors = counter("log_errors", "Failures of the prediction log.", "operation")
        self._left.labels("none").set(0)  # an alert is to find it before any canary was left
        for operation in ("predict", "batch", "feedback"):
            self._log_errors.labels(operation)
        for outcome in ("loaded", "refused"):
            self._reloads.labels(outcome)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Note one answer of a route."""
        try:
            waiting = self._answered[route, status]
        except KeyError:
            waiting = self._answered[route, status] = []
        waiting.append(seconds)
        if len(waiting) > FLUSH_AT:
            self.flush()

    def predicted(self, version: str, prices: Sequence[float]) -> None:
        """Note prices that were answered and recorded."""
        self._scored.setdefault(version, []).extend(prices)

    def not_predicted(self, version: str, outcome: str, rows: int = 1) -> None:
        """Note rows without a prediction: `invalid`, `no_model`, `log_error`."""
        self._predictions.labels(version, outcome).inc(rows)

    def met_unknown(self, feature: str) -> None:
        """Note a word that the vocabulary of a feature lacks."""
        self._unknown.labels(feature).inc()

    def met_outside(self, features: Iterable[str]) -> None:
        """Note values that are beyond the learned ones, by the feature of each."""
        for feature in features:
            self._outside.labels(feature).inc()

    def labeled(
        self, prediction_id: str, real_price: float, feedback: Feedback, now: float
    ) -> None:
        """Note a real price that was taken in."""
        version = feedback.model_version
        self._feedback.labels(version, feedback.outcome).inc()
        if feedback.outcome == "unchanged":
            return
        if feedback.outcome == "recorded":
            self._lag.labels(version).observe(max(0.0, now - feedback.predicted_at))
        errors = self._errors.setdefault(version, OrderedDict())
        errors.pop(prediction_id, None)
        errors[prediction_id] = feedback.predicted_price - real_price
        if len(errors) > LIVE_ROWS:
            errors.popitem(last=False)
        self._live_rows.labels(version).set(len(errors))
        self._live_absolute.labels(version).set(sum(map(abs, errors.values())))
        self._live_squared.labels(version).set(sum(error * error for error in errors.values()))

    def not_labeled(self, outcome: str) -> None:
        """Note a real price that was not taken in: `unknown`, `log_error`."""
        self._feedback.labels("none", outcome).inc()

    def log_failed(self, operation: str) -> None:
        """Note a failure of the prediction log."""
        self._log_errors.labels(operation).inc()

    def serving(self, served: Served) -> None:
        """Show `served` as the version of this worker."""
        metadata = served.version.metadata
        digest = metadata.files.get(MODEL_FILE, "")[:12]
        if self._shown is not None:
            self._info.labels(*self._shown).set(0)
        self._shown = (served.name, metadata.tag or "", digest)
        self._info.labels(*self._shown).set(1)
        self._reloads.labels("loaded").inc()
        self._stale.set(0)

    def adapted(self, low: float, high: float) -> None:
        """Show what recent labels made of the intervals' ends."""
        self._factors.labels("lower").set(low)
        self._factors.labels("upper").set(high)

    def model_called(self, arm: str, seconds: float) -> None:
        """Note how long the model of an arm took for the rows of one turn."""
        self._called.setdefault(arm, []).append(seconds)

    def shadow_rows(self, version: str, outcome: str, rows: int) -> None:
        """Note rows that a shadow was asked for: `ok`, `failed`, `dropped`, `not_recorded`."""
        self._shadow_rows.labels(version, outcome).inc(rows)

    def trying(self, tried: Tried) -> None:
        """Show what is tried beside production."""
        arm = tried.canary
        now = {SHADOW: tried.shadow and tried.shadow.name, CANARY: arm and arm.name}
        for alias, version in self._tried.items():
            if now.get(alias) != version:
                self._trials.labels(alias, version).set(0)
        self._tried = {alias: version for alias, version in now.items() if version}
        for alias, version in self._tried.items():
            self._trials.labels(alias, version).set(1)
        for alias in (SHADOW, CANARY):
            self._refusals.labels(alias).set(alias in tried.refused)
        self._weight.set(arm.weight if arm is not None else 0.0)

    def left_canary(self, version: str) -> None:
        """Show which canary this worker left; "": none."""
        if self._left_version:
            self._left.labels(self._left_version).set(0)
        self._left_version = version
        if version:
            self._left.labels(version).set(1)

    def reload_refused(self) -> None:
        """Note that the version that should be served cannot be."""
        self._reloads.labels("refused").inc()
        self._stale.set(1)

    def reload_settled(self) -> None:
        """Note that the served version is the one that should be, after another was refused."""
        self._stale.set(0)

    def flush(self) -> None:
        """Move what the hot path left in lists into the metrics."""
        for key, seconds in self._answered.items():
            if seconds:
                child = self._children.get(key)
                if child is None:
                    child = self._children[key] = self._seconds.labels(key[0], str(key[1]))
                _observe_all(child, _take(seconds))
        for arm, seconds in self._called.items():
            if seconds:
                _observe_all(self._model.labels(arm), _take(seconds))
        for version, prices in self._scored.items():
            if prices:
                taken = _take(prices)
                _observe_all(self._price.labels(version), taken)
                self._predictions.labels(version, "ok").inc(len(taken))

    def render(self) -> bytes:
        """Return everything in Prometheus's text format, of all workers."""
        from prometheus_client import generate_latest

        self.flush()
        found = self._collected()
        return generate_latest(_Collected([*found, *_live_errors(found)]))

    def totals(self) -> dict[str, float]:
        """Return what people ask first, of all workers (`totals.py`), as it was last flushed."""
        return totals_of(self._collected())

    def _collected(self) -> list[Metric]:
        if self._directory is None:
            return list(self._registry.collect())
        from prometheus_client.multiprocess import MultiProcessCollector

        collector: Any = MultiProcessCollector  # the library is typed, but not here
        try:
            with worker_metrics.folded(self._directory):
                return list(collector(None, path=str(self._directory)).collect())
        except (OSError, ValueError) as error:  # they were removed or spoiled by others
            logger.warning("metrics_not_shared", extra={"reason": str(error)})
            return list(self._registry.collect())


class _Collected(list["Metric"]):
    """Metrics that are there already, as prometheus-client wants them."""

    def collect(self) -> list[Metric]:
        return self


def _live_errors(found: list[Metric]) -> Iterator[Metric]:
    """Give MAE and RMSE of the newest labeled rows, made from sums that add up over workers."""
    from prometheus_client.core import GaugeMetricFamily

    sums = {
        family.name: {sample.labels["version"]: sample.value for sample in family.samples}
        for family in found
        if family.name.startswith("housing_live_")
    }
    mae = GaugeMetricFamily("housing_live_mae", "Live mean absolute error.", labels=["version"])
    rmse = GaugeMetricFamily(
        "housing_live_rmse", "Live root mean square error.", labels=["version"]
    )
    for version, rows in sums.get("housing_live_rows", {}).items():
        if rows:
            absolute = sums["housing_live_absolute_error_sum"].get(version, 0.0)
            squared = sums["housing_live_squared_error_sum"].get(version, 0.0)
            mae.add_metric([version], absolute / rows)
            rmse.add_metric([version], math.sqrt(squared / rows))
    yield mae
    yield rmse


def _take(values: list[float]) -> list[float]:
    """Empty `values` and return what was in it; safe while another thread appends."""
    taken = values[:]
    del values[: len(taken)]
    return taken


def _observe_all(histogram: Any, values: list[float]) -> None:
    """Do `histogram.observe` for all of `values` with one increment a bucket.

    The library has no public way to do so, hence its upper bound in `pyproject.toml`; one test
    says which parts are missed, another compares the outcome with single calls.
    """
    bounds = histogram._upper_bounds
    counts: dict[int, int] = {}
    for value in values:
        bucket = bisect_left(bounds, value)
        counts[bucket] = counts.get(bucket, 0) + 1
    histogram._sum.inc(sum(values))
    for bucket, count in counts.items():
        histogram._buckets[bucket].inc(count)
