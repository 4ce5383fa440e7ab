"""What sums tell is what the rows tell."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housing_cli.data.metrics import METRICS
from housing_cli.judging import gate
from housing_cli.judging.sums import (
    band_edges,
    count_kinds,
    levels,
    merge,
    of_kinds,
    over_days,
    quantiles,
    segments,
    sums_of,
    total,
    totals_by,
)
from housing_cli.learning.conformal import coverage_of
from housing_cli.model.intervals import IntervalModel
from housing_cli.prediction_log.records import PREDICTED, Axis, Kind, Knots, Labeled

DAY = 86_400.0
EXACT = 1e-9


def rows_of(n: int, seed: int, scale: float = 20.0, spread: float = 0.2) -> Labeled:
    """Return n labeled rows of two versions over thirty days, with heavy-tailed errors."""
    rng = np.random.default_rng(seed)
    real = scale * rng.lognormal(0, 0.4, n)
    predicted = real * np.exp(spread * rng.standard_t(5, n))
    times = np.sort(rng.uniform(20_000 * DAY, 20_030 * DAY, n))
    versions = [f"v{k}" for k in rng.integers(1, 3, n)]
    ids = [str(k) for k in range(n)]
    return Labeled(ids, times, times + 60, versions, np.empty((n, 0)), predicted, real, seed % 3)


def part(rows: Labeled, which: np.ndarray) -> Labeled:
    """Return the rows that a mask picks."""
    at = np.flatnonzero(which).tolist()
    return Labeled(
        [rows.ids[k] for k in at], rows.timestamps[at], rows.labeled_at[at],
        [rows.versions[k] for k in at], rows.features[at], rows.predicted[at], rows.real[at],
    )  # fmt: skip


def verdicts(rows: Labeled, recent: gate.Recent | None, metric: str) -> gate.Verdict:
    """Judge with a baseline of errors a little smaller than those of `rows_of`."""
    rng = np.random.default_rng(1)
    real = float(rows.real.mean()) * rng.lognormal(0, 0.4, 506)
    before = real * np.exp(0.18 * rng.standard_t(5, 506))
    loss = METRICS[metric].loss(real, before)
    baseline = gate.Baseline(METRICS[metric].value(loss.mean()), loss, abs(before - real), 506)
    return gate.judge(
        recent, baseline, threshold=0.1, min_samples=30, metric=metric, confidence=0.95
    )


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2_001, 12_000),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.01, 20.0, 400_000.0]),
    spread=st.sampled_from([0.02, 0.2, 0.5]),
    metric=st.sampled_from(sorted(name for name in METRICS if METRICS[name].total)),
)
def test_a_verdict_from_sums_is_that_from_rows(
    n: int, seed: int, scale: float, spread: float, metric: str
) -> None:
    rows = rows_of(n, seed, scale, spread)
    from_rows = verdicts(rows, gate.recent_rows(rows.real, rows.predicted, metric), metric)
    from_sums = verdicts(rows, total(sums_of(rows)).recent(metric), metric)
    assert (from_rows.verdict, from_rows.n) == (from_sums.verdict, from_sums.n)
    for name in ("current", "ratio", "interval", "p_value"):
        assert getattr(from_sums, name) == pytest.approx(getattr(from_rows, name), rel=EXACT)


def figures_of(rows: Labeled) -> dict[str, float]:
    """Return the figures of rows that sums can give."""
    without = {name for name, metric in METRICS.items() if not metric.total}
    figures = gate.metrics(rows.real, rows.predicted)
    return {name: value for name, value in figures.items() if name not in without}


def test_the_figures_are_those_of_the_rows() -> None:
    rows = rows_of(3_000, 0)
    figures = total(sums_of(rows)).figures()
    assert figures == pytest.approx(figures_of(rows), rel=EXACT)


def test_each_version_has_its_own_figures() -> None:
    rows = rows_of(3_000, 0)
    sums = sums_of(rows)
    for version, totals in totals_by(sums, "versions").items():
        own = part(rows, np.array(rows.versions) == version)
        assert totals.labeled == len(own)
        assert totals.figures() == pytest.approx(figures_of(own), rel=EXACT)
        assert total(sums, str(version)) == totals


def test_covered_counts_what_the_intervals_hold() -> None:
    rows = rows_of(3_000, 0)
    knots = Knots((10.0, 20.0, 40.0), (-1.0, -4.0, -6.0), (1.5, 5.0, 9.0))
    model = IntervalModel(0.9, knots.prices, knots.low, knots.high)
    totals = total(sums_of(rows, knots=knots))
    assert totals.covered / totals.labeled == coverage_of(model, rows.real, rows.predicted)
    assert total(sums_of(rows)).covered == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), cut=st.integers(0, 500))
def test_merged_sums_are_the_sums_of_all_rows(seed: int, cut: int) -> None:
    rows = rows_of(500, seed)
    axis = Axis(PREDICTED, band_edges(rows.predicted))
    first = np.arange(len(rows)) < cut
    parts = [part(rows, which) for which in (first, ~first)]
    whole = sums_of(rows, [(axis, rows.predicted)])
    merged = merge(sums_of(one, [(axis, one.predicted)]) for one in parts)
    assert len(merged) == len(whole)
    for name in ("days", "versions", "axes"):
        assert getattr(merged, name) == getattr(whole, name)
    for name in ("bands", "n", "labeled"):
        assert np.array_equal(getattr(merged, name), getattr(whole, name))
    assert merged.squared == pytest.approx(whole.squared, rel=EXACT)


def test_broken_lines_add_up() -> None:
    assert merge([sums_of(rows_of(10, 1)), sums_of(rows_of(10, 2))]).skipped == 3


def test_segments_are_the_rows_of_each_band() -> None:
    rows = rows_of(2_000, 3)
    axis = Axis(PREDICTED, (15.0, 25.0))
    found = segments(sums_of(rows, [(axis, rows.predicted)]), axis)
    assert [(one.low, one.high) for one in found] == [(None, 15.0), (15.0, 25.0), (25.0, None)]
    middle = (rows.predicted >= 15) & (rows.predicted < 25)
    error = (rows.predicted - rows.real)[middle]
    assert found[1].n == middle.sum()
    assert found[1].figures["mae"] == pytest.approx(np.abs(error).mean(), rel=EXACT)
    assert found[1].figures["bias"] == pytest.approx(error.mean(), rel=EXACT)


def test_missing_values_and_empty_bands_are_no_segment() -> None:
    rows = rows_of(100, 3)
    values = np.full(100, 5.0)
    values[:40] = np.nan
    axis = Axis("RM", (0.0, 10.0))
    found = segments(sums_of(rows, [(axis, values)]), axis)
    assert [(one.low, one.n) for one in found] == [(0.0, 60)]


def test_a_quantile_is_at_most_a_band_off() -> None:
    rows = rows_of(20_000, 4)
    axis = Axis(PREDICTED, band_edges(rows_of(500, 5).predicted))
    found = quantiles(sums_of(rows, [(axis, rows.predicted)]), axis, [0.25, 0.5, 0.75])
    assert found is not None
    shares = [(rows.predicted < value).mean() for value in found]
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.02)


def test_predictions_without_a_price_move_no_quantile() -> None:
    rows = rows_of(500, 4)
    axis = Axis(PREDICTED, band_edges(rows.predicted))
    sums = sums_of(rows, [(axis, rows.predicted)])
    more = msgspec.structs.replace(sums, n=sums.n + 1000 * sums.bands)
    assert quantiles(more, axis, [0.1, 0.5]) == quantiles(sums, axis, [0.1, 0.5])


def test_no_predictions_have_no_quantiles() -> None:
    axis = Axis(PREDICTED, (1.0, 2.0))
    assert quantiles(sums_of(rows_of(0, 0), [(axis, np.empty(0))]), axis, [0.5]) is None


def test_the_course_is_the_metric_of_runs_of_days() -> None:
    rows = rows_of(9_000, 6)
    course = over_days(sums_of(rows), 100)
    assert len(course) == 30
    first = rows.timestamps < 20_001 * DAY
    day, found = course[0]
    expected = METRICS["rmse"].of(rows.real[first], rows.predicted[first])
    assert (day, found.labeled) == ("2024-10-04", first.sum())
    assert found.metric("rmse") == pytest.approx(expected, rel=EXACT)
    assert sum(run.labeled for _, run in course) == len(rows)
    short = over_days(sums_of(rows), 8)
    assert 6 <= len(short) <= 8
    assert [day for day, _ in short] == sorted(day for day, _ in short)


def test_no_rows_are_no_figures() -> None:
    sums = sums_of(rows_of(0, 0))
    assert len(sums) == 0
    assert total(sums).figures() == {}
    assert total(sums).recent("rmse") is None
    assert over_days(sums, 10) == []


def test_the_edges_of_few_values_lie_between_them() -> None:
    assert band_edges(np.array([0.0, 1.0, 1.0, np.nan, 4.0])) == (0.5, 2.5)
    assert len(band_edges(np.random.default_rng(0).normal(size=1000))) == 9


def test_a_kind_of_label_can_be_left_out_of_sums() -> None:
    rows = rows_of(300, 4)
    equal = np.arange(300) % 3 == 0
    axis = Axis(PREDICTED, band_edges(rows.predicted))
    parts = [
        sums_of(part(rows, which), [(axis, rows.predicted[which])]) for which in (~equal, equal)
    ]
    kinds = np.repeat([Kind.PLAIN, Kind.EQUAL], [len(one) for one in parts])
    columns = {
        name: np.concatenate([np.asarray(getattr(one, name)) for one in parts])
        for name in parts[0].__struct_fields__
        if name not in {"skipped", "kinds", "repeated"}
    }
    both = msgspec.structs.replace(parts[0], **columns, kinds=kinds)
    assert count_kinds(both)[:3].tolist() == [200, 100, 0]
    assert sum(count_kinds(both, "v1")[:2]) == rows.versions.count("v1")
    for left_out, want in (((Kind.EQUAL,), parts[0]), ((Kind.PLAIN,), parts[1])):
        found = of_kinds(both, left_out)
        assert found.kinds is None
        assert total(found).figures() == pytest.approx(total(want).figures(), rel=EXACT)
        assert [one.n for one in segments(found, axis)] == [one.n for one in segments(want, axis)]
    assert total(of_kinds(both)).n == 300
    far = msgspec.structs.replace(both, kinds=np.where(kinds == Kind.EQUAL, Kind.FAR, kinds))
    want_far, want_near = (
        rows.real[which].sum() / rows.predicted[which].sum() for which in (equal, ~equal)
    )
    found_levels = levels(far)
    assert (found_levels.near, found_levels.far) == pytest.approx((want_near, want_far))
    assert levels(both).far == levels(parts[0]).far == 0
    assert of_kinds(parts[0]) is parts[0]
    assert count_kinds(parts[0]).sum() == 0
