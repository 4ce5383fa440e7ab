"""A wide window is judged by the log's own sums, with the same verdict as by its rows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.config import Settings
from housing_cli.config.settings import Log
from housing_cli.config.window import parse_window
from housing_cli.data.metrics import METRICS
from housing_cli.judging.reference import load_reference
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.recent import LOOKED_AT, read_recent
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.records import CLASS, Kind
from housing_cli.registry import open_registry
from tests.in_process import Loop, shuffled
from tests.prediction_log.conftest import BACK_ENDS, fresh_url

pytestmark = pytest.mark.slow

N = LOOKED_AT + 1_500
EXACT = 1e-9


class Wide(Loop):
    """v1, and N labeled predictions of it in a log of some kind, with a few of v2."""

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder, shuffled(0)[:350])
        self.url = url
        rng = np.random.default_rng(0)
        rows = shuffled(1).drop(columns="MEDV").to_numpy(dtype=float)
        rows = rows[rng.integers(0, len(rows), N)]
        rows[:, -1] += rng.uniform(0, 0.01, N)  # N houses, not the same few again and again
        real = rng.uniform(10, 40, N).round(3)
        predicted = (real * np.exp(0.15 * rng.standard_t(5, N))).round(3)
        real[::200] = predicted[::200]  # the model's own price sent back
        real[100::3000] *= 1000  # mistyped
        told = real[:40].copy()
        told[::2] = predicted[:40:2]  # v2's are sent back far more often
        log = open_log(url, self.settings().schema())
        try:
            for version, prices in (("v1", real), ("v2", told)):
                some = slice(0, len(prices))
                ids = log.append(version, rows[some].tolist(), predicted[some].tolist())
                for prediction_id, price in zip(ids, prices.tolist(), strict=True):
                    log.feedback(prediction_id, price)
        finally:
            log.close()

    def settings(self, **evaluate_options: object) -> Settings:
        settings = super().settings(**evaluate_options)
        if not hasattr(self, "url"):
            return settings
        return msgspec.structs.replace(settings, log=Log(url=self.url))


@pytest.fixture(scope="module", params=BACK_ENDS)
def loop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wide:
    folder = tmp_path_factory.mktemp(request.param)
    return Wide(folder, fresh_url(request.param, folder, request))


@pytest.fixture(scope="module", params=[name for name, metric in METRICS.items() if metric.total])
def both(request: pytest.FixtureRequest, loop: Wide) -> tuple[Evaluation, Evaluation]:
    """Return the judgment by rows (a number of them) and by sums (a time)."""
    options = {"metric": request.param, "confidence": 0.95}
    return loop.evaluate(window=str(N), **options), loop.evaluate(window="30d", **options)


@pytest.mark.slow
def test_the_verdict_is_the_same_to_nine_digits(both: tuple[Evaluation, Evaluation]) -> None:
    rows, sums = (asdict(found.verdict) for found in both)
    assert sums.pop("interval") == pytest.approx(rows.pop("interval"), rel=EXACT)
    assert sums == {
        key: pytest.approx(value, rel=EXACT) if isinstance(value, float) else value
        for key, value in rows.items()
    }


def test_the_figures_and_segments_are_the_same(both: tuple[Evaluation, Evaluation]) -> None:
    rows, sums = both
    summed = {name for name, metric in METRICS.items() if metric.total}
    assert set(sums.recent) == set(rows.recent) - set(METRICS) | summed
    assert sums.recent == pytest.approx(
        {name: rows.recent[name] for name in sums.recent}, rel=EXACT
    )
    for one, other in zip(rows.segments, sums.segments, strict=True):
        assert (one.low, one.high, one.n) == (other.low, other.high, other.n)
        assert other.figures == pytest.approx(one.figures, rel=1e-7)


def test_the_rows_that_are_kept_are_the_newest(both: tuple[Evaluation, Evaluation]) -> None:
    rows, sums = both
    assert (rows.labels.labeled, len(rows.rows)) == (LOOKED_AT, rows.verdict.n)
    assert LOOKED_AT * 0.99 < len(sums.rows) < LOOKED_AT
    assert list(sums.rows.ids) == list(rows.rows.ids[-len(sums.rows) :])
    assert (sums.labels.predictions, sums.labels.labeled) == (N, N)


def test_a_wide_log_of_one_day_is_charted_by_its_newest_rows(
    both: tuple[Evaluation, Evaluation],
) -> None:
    course = both[1].over_time(40)
    assert len(course.parts) == 40
    assert course.start == both[1].rows.timestamps[0]


def test_a_version_is_judged_by_its_own_rows_alone(both: tuple[Evaluation, Evaluation]) -> None:
    assert set(both[1].sums.versions) == {"v1", "v2"}
    n = both[0].verdict.n
    assert both[1].verdict.n == n
    assert [(row.version, row.n) for row in both[1].versions] == [("v1", n)]  # v2 is not registered


def test_what_does_not_count_is_the_same(both: tuple[Evaluation, Evaluation]) -> None:
    rows, sums = (found.labels.doubts for found in both)
    assert rows.equal is not None and rows.far is not None
    assert (rows.n, rows.equal.count) == (N, len(range(0, N, 200)))
    assert rows.far.count >= len(range(100, N, 3000))
    assert rows.excluded == sums.excluded
    assert {kind % CLASS for kind in rows.excluded} == {Kind.EQUAL, Kind.FAR}
    assert both[0].verdict.n == N - rows.equal.count - rows.far.count
    assert sums.equal is not None and sums.far is not None
    assert (sums.n, sums.equal.count, sums.far.count) == (N, rows.equal.count, rows.far.count)
    assert sums.equal.examples == rows.equal.examples


def test_the_labels_of_each_version_have_doubts_of_their_own(loop: Wide) -> None:
    settings = loop.settings()
    registry = open_registry(settings)
    version = registry.get("v1")
    reference = load_reference(registry, version)
    told = (
        settings.evaluate.metric,
        reference.axes(version)[-1],
        None,
        reference.label_rule(settings.retrain.max_level),
    )
    log = open_log(loop.url, version.metadata.schema)
    try:
        rows, sums = (
            read_recent(log, version, parse_window(window), *told) for window in (str(N), "30d")
        )
    finally:
        log.close()
    assert not rows.wide and sums.wide
    for found in (rows, sums):
        n, figures = found.versions["v2"]
        assert n == 20
        assert figures["mae"] > 1
        assert found.versions["v1"][0] == found.totals.labeled
    assert sums.versions["v2"][1]["mae"] == pytest.approx(rows.versions["v2"][1]["mae"])
