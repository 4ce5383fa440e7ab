"""Sums are those of the rows, on every back end: so all of them say the same."""

from __future__ import annotations

import itertools
import math
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from housing_cli.judging.arrivals import arrivals_of
from housing_cli.judging.labels import kinds
from housing_cli.judging.sums import count_kinds
from housing_cli.model.intervals import IntervalModel
from housing_cli.prediction_log import PredictionLog, Predictions, open_log
from housing_cli.prediction_log.csv import window as csv_window
from housing_cli.prediction_log.ids import Clock
from housing_cli.prediction_log.records import (
    CLASS,
    PREDICTED,
    ArrivalsQuery,
    Axis,
    Kind,
    Knots,
    LabelKinds,
    LateQuery,
    Sums,
    SumsQuery,
)
from tests.prediction_log.conftest import BACK_ENDS, fresh_url
from tests.prediction_log.csv.small import SMALL

DAY_MS = 86_400_000
BEGAN_MS = 20_370 * DAY_MS
EDGES = (15.0, 20.0, 30.0)
KNOTS = Knots((12.0, 20.0, 20.0, 40.0), (-1.0, -2.5, -3.0, -50.0), (1.0, 2.0, 2.5, 9.0))
MOMENTS = ("absolute", "covered", "error", "fourth", "real", "real_squared", "squared")

Prediction = tuple[str, int, str, float | None, float | None, float]
Price = tuple[str, int, int, str, float]

PRICES = st.sampled_from([*EDGES, 12.0, 22.5, 24.5]) | st.floats(0.5, 60.0)
MOMENT = st.tuples(st.integers(0, 3), st.sampled_from([0, 1, DAY_MS // 2, DAY_MS - 1]))
MISSING = st.none() | st.sampled_from([5.0, 6.0, 6.5, 7.0]) | st.floats(4.0, 9.0)


@st.composite
def rows_and_prices(draw: Callable[[Any], Any]) -> tuple[list[Prediction], list[Price]]:
    """Return predictions in order of time, and the prices of some, corrected and in any order."""
    moments = sorted(day * DAY_MS + ms for day, ms in draw(st.lists(MOMENT, max_size=20)))
    rows: list[Prediction] = []
    prices: list[Price] = []
    for number, offset in enumerate(moments):
        ms = BEGAN_MS + offset
        key = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"
        version = draw(st.sampled_from(["v1", "v1", "v2"]))
        rows.append((key, ms, version, draw(MISSING), draw(MISSING), draw(PRICES)))
        for revision, real in enumerate(draw(st.lists(PRICES, max_size=3)), 1):
            prices.append((key, revision, ms + revision, version, real))
    late = draw(st.randoms(use_true_random=False))
    order = {key: late.random() for key, *_ in rows}
    prices.sort(key=lambda price: (price[1], order[price[0]]))
    return rows, prices


QUERIES = st.builds(
    SumsQuery,
    version=st.none() | st.just("v1"),
    since=st.none()
    | MOMENT.map(lambda m: datetime.fromtimestamp((BEGAN_MS + m[0] * DAY_MS + m[1]) / 1000, UTC)),
    axes=st.sampled_from(
        [(), (Axis(PREDICTED, EDGES),), (Axis("LSTAT", (6.0, 6.5)), Axis(PREDICTED, EDGES))]
    ),
    knots=st.sampled_from([None, KNOTS, Knots((21.0,), (-2.0,), (3.0,))]),
)


def _number(value: float | None) -> str:
    return "" if value is None else repr(value)


def write_csv(folder: Path, rows: list[Prediction], prices: list[Price]) -> None:
    """Write the log; every third prediction stands in it twice."""
    clock = Clock()
    folder.mkdir(parents=True)
    lines = []
    for number, (key, ms, version, *values) in enumerate(rows):
        line = ",".join([key, clock.iso(ms), version, *map(_number, values)])
        lines += [line] * (2 if number % 3 == 0 else 1)
    (folder / "predictions.csv").write_text(
        "\n".join(["id,timestamp,model_version,RM,LSTAT,predicted_price", *lines, ""])
    )
    lines = [f"{key},{clock.iso(ms)},{real!r}" for key, _, ms, _, real in prices]
    (folder / "feedback.csv").write_text("\n".join(["id,timestamp,real_price", *lines, ""]))


def record(log: PredictionLog, rows: list[Prediction], prices: list[Price]) -> None:
    """Write the log by its own methods, each row at its time."""
    ids: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        for key, ms, version, *features, predicted in rows:
            patch.setattr(time, "time_ns", lambda ms=ms: ms * 1_000_000)
            (ids[key],) = log.append(version, [features], [predicted])
        for key, _, ms, _, real in prices:
            patch.setattr(time, "time_ns", lambda ms=ms: ms * 1_000_000)
            log.feedback(ids[key], real)


def by_key(sums: Sums) -> dict[tuple[str, str, str, int], list[float]]:
    """Return the records by axis, day, version and band."""
    columns = [getattr(sums, name).tolist() for name in ("n", "labeled", *MOMENTS)]
    keys = zip(sums.axes, sums.days, sums.versions, sums.bands.tolist(), strict=True)
    found = dict(zip(keys, map(list, zip(*columns, strict=True)), strict=True))
    assert len(found) == len(sums)
    return found


def of_log(log: PredictionLog, query: SumsQuery) -> dict[tuple[str, str, str, int], list[float]]:
    """Return the same, added up here from the rows that the log gives."""
    seen = log.predictions(version=query.version, since=query.since)
    labeled = log.labeled(version=query.version, since=query.since)
    reals = dict(zip(labeled.ids, labeled.real.tolist(), strict=True))
    assert [key in reals for key in seen.ids] == seen.labeled.tolist()
    return of_rows(seen, reals, query)


def of_drawn(
    rows: list[Prediction], prices: list[Price], query: SumsQuery
) -> dict[tuple[str, str, str, int], list[float]]:
    """Return the same from the rows that were drawn; no log had a part in them."""
    first = query.since.timestamp() if query.since else 0.0
    wanted = [
        row for row in rows if query.version in {None, row[2]} and row[1] / 1000 >= first - 1e-6
    ]
    keys, moments, versions, rooms, shares, predicted = (
        zip(*wanted, strict=True) if wanted else [()] * 6
    )
    seen = Predictions(
        ids=keys,
        timestamps=np.array(moments) / 1000,
        versions=versions,
        features=np.array([rooms, shares], dtype=float).T,
        predicted=np.array(predicted),
        labeled=np.empty(0, dtype=bool),
    )
    return of_rows(seen, {key: real for key, *_, real in prices}, query)


def of_rows(
    seen: Predictions, reals: dict[str, float], query: SumsQuery
) -> dict[tuple[str, str, str, int], list[float]]:
    """Return the sums of predictions and the real prices of some."""
    knots = query.knots and IntervalModel(
        0.9, query.knots.prices, query.knots.low, query.knots.high
    )
    columns = {"RM": 0, "LSTAT": 1}
    found: dict[tuple[str, str, str, int], list[Any]] = defaultdict(
        lambda: [0, 0, *([] for _ in MOMENTS)]
    )
    for place, key in enumerate(seen.ids):
        predicted, real = float(seen.predicted[place]), reals.get(key)
        day = datetime.fromtimestamp(seen.timestamps[place], UTC).date().isoformat()
        bands = [("", 0)]
        for axis in query.axes:
            value = (
                predicted
                if axis.name == PREDICTED
                else float(seen.features[place, columns[axis.name]])
            )
            band = -1 if math.isnan(value) else np.searchsorted(axis.edges, value, side="right")
            bands.append((axis.name, int(band)))
        for name, band in bands:
            record = found[name, day, seen.versions[place], band]
            record[0] += 1
            if real is not None:
                record[1] += 1
                error = predicted - real
                low, high = knots.interval(predicted) if knots else (math.inf, 0.0)
                values = (abs(error), low <= real <= high, error, error**4, real, real**2, error**2)
                for column, value in zip(record[2:], values, strict=True):
                    column.append(value)
    return {
        key: [n, labeled, *(math.fsum(column) for column in moments)]
        for key, (n, labeled, *moments) in found.items()
    }


def assert_same(found: dict[Any, list[float]], expected: dict[Any, list[float]]) -> None:
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-9, atol=1e-9, err_msg=str(key))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lines", *BACK_ENDS])
def test_sums_are_those_of_the_rows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """`lines`: the csv files as another program may have written them."""
    folders = (tmp_path / str(number) for number in itertools.count())

    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn=rows_and_prices(), query=QUERIES)
    def check(drawn: tuple[list[Prediction], list[Price]], query: SumsQuery) -> None:
        folder = next(folders)
        url = f"csv:{folder}" if kind == "lines" else fresh_url(kind, folder, request)
        with closing(open_log(url, SMALL)) as log:
            if kind == "lines":
                write_csv(folder, *drawn)
            else:
                record(log, *drawn)
            expected = of_drawn(*drawn, query)
            assert_same(by_key(log.sums(query)), expected)
            assert_same(of_log(log, query), expected)
            if kind == "lines":
                with pytest.MonkeyPatch.context() as patch:
                    for name in ("labeled", "predictions"):
                        patch.setattr(csv_window, name, lambda _: None)
                    assert_same(of_log(log, query), expected)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", BACK_ENDS)
def test_an_empty_log_has_no_sums(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = open_log(fresh_url(kind, tmp_path, request), SMALL)
    for query in (SumsQuery(), SumsQuery(axes=(Axis("RM", (6.0,)),), knots=KNOTS)):
        found = log.sums(query)
        assert len(found) == 0
        assert found.n.dtype == np.int64
        assert found.covered.shape == (0,)
    log.close()


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_prices_that_no_model_gives_overflow_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log = open_log(fresh_url(kind, tmp_path, request), SMALL)
    predicted = [1.7e308, -1.7e308, 5e-324, 3.4e38, 20.0, 1e-90]
    real = [20.0, 20.0, 3.4e38, 5e-324, 5e-324, 2e-90]
    ids = log.append("v1", [[1.0, None]] * 6, predicted)
    for key, price in zip(ids, real, strict=True):
        log.feedback(key, price)
    found = log.sums(SumsQuery())
    assert (found.n.tolist(), found.labeled.tolist()) == ([6], [6])
    for name in MOMENTS:
        assert np.isfinite(getattr(found, name)).all()
    np.testing.assert_allclose(found.absolute, [4 * 3.4e38])
    log.close()


KINDS = LabelKinds(3.0, 9.0, (0.01, 0.1, 1.0, 10.0))
LEFT_OUT = (int(Kind.FAR), *range(Kind.EQUAL, CLASS * CLASS, CLASS))


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_kinds_of_labels_are_those_of_the_rows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Prices rounded to any digit, also at the half; of any size."""
    rng = np.random.default_rng(0)
    predicted = [20.0, 1.7e308, -1.7e308, 5e-324, 22.435, 22.445, 22.5, 1e-90, 0.125]
    predicted += rng.uniform(-5, 60, 150).round(3).tolist()
    with closing(open_log(fresh_url(kind, tmp_path, request), SMALL)) as log:
        ids = log.append("v1", [[6.0, None]] * len(predicted), predicted)
        for number, (key, price) in enumerate(zip(ids, predicted, strict=True)):
            step = (0.01, 0.1, 1.0, 10.0)[number % 4]
            known = abs(price) if 1e-3 < abs(price) < 1e300 else 20.0
            choices = [np.rint(known / step) * step, known + step / 2, known, known * 4, 5e-324]
            real = float([*choices, 3.4e38, 22.44][rng.integers(7)])
            if real > 0:
                log.feedback(key, real)
        found = log.sums(SumsQuery(axes=(Axis(PREDICTED, EDGES),), kinds=KINDS))
        rows = log.labeled()
    expected = np.bincount(kinds(rows.real, rows.predicted, KINDS), minlength=CLASS * CLASS)
    assert (expected > 0).sum() > 12
    assert count_kinds(found).tolist() == expected.tolist()


ARRIVALS = ArrivalsQuery("v1", None, Axis(PREDICTED, EDGES), (-0.5, -0.1, 0.0, 0.2), KNOTS)


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_arrivals_are_those_of_the_rows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Corrected prices count on the day of the correction; prices of any size count."""
    rng = np.random.default_rng(0)
    rows: list[Prediction] = []
    prices: list[Price] = []
    odd = [1.7e308, -1.7e308, 5e-324, 3.4e38, 20.0, 1e-90]
    for number, predicted in enumerate([*odd, *rng.choice([*EDGES, 12.0, 22.5], 200)]):
        ms = BEGAN_MS + number * DAY_MS // 20
        key = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"
        version = "v2" if number % 7 == 3 else "v1"
        rows.append((key, ms, version, 6.0, None, float(predicted)))
        for revision in range(1, 1 + int(rng.integers(0, 3))):
            late = ms + revision * int(rng.integers(1, 3 * DAY_MS))
            real = float(
                rng.choice([5e-324, 3.4e38, 18.0, 25.0, *2 * [predicted], predicted * 1.3])
            )
            if 0 < real <= 3.4e38:
                prices.append((key, revision, late, version, real))
    prices.sort(key=lambda price: (price[1], price[2]))
    since = datetime.fromtimestamp((BEGAN_MS + DAY_MS // 3) / 1000, UTC)
    with closing(open_log(fresh_url(kind, tmp_path, request), SMALL)) as log:
        assert len(log.arrivals(ARRIVALS)) == 0
        record(log, rows, prices)
        fewer = msgspec.structs.replace(ARRIVALS, kinds=KINDS, left_out=LEFT_OUT)
        for query in (ARRIVALS, msgspec.structs.replace(ARRIVALS, since=since, knots=None), fewer):
            expected = arrivals_of(log.labeled(version="v1", since=query.since), query)
            found = log.arrivals(query)
            assert len(found) > 20
            assert (found.n.sum() < len(log.labeled(version="v1"))) == (query is not ARRIVALS)
            assert list(found.days) == list(expected.days)
            for name in ("bands", "errors", "n", "covered"):
                assert getattr(found, name).tolist() == getattr(expected, name).tolist()
            np.testing.assert_allclose(found.relative, expected.relative, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["lines", *BACK_ENDS])
def test_late_labels_are_those_of_the_rows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A label is late by the price that counts, whichever revision it is; `lines`: by DuckDB."""
    rng = np.random.default_rng(1)
    rows: list[Prediction] = []
    prices: list[Price] = []
    for number in range(300):
        ms = BEGAN_MS + number * DAY_MS // 3
        key = f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7000-8000-{number:012x}"
        version = "v2" if number % 7 == 3 else "v1"
        rows.append((key, ms, version, 6.0, None, 20.0))
        late = ms
        for revision in range(1, 1 + int(rng.integers(0, 3))):
            late += int(rng.integers(1, 30 * DAY_MS // 1000)) * 1000
            prices.append((key, revision, late, version, 20.0 + revision))
    prices.sort(key=lambda price: price[2])
    prices = [price for price in prices if price[2] < BEGAN_MS + 100 * DAY_MS]
    now, window = BEGAN_MS + 100 * DAY_MS, 20 * DAY_MS
    since, floor = (datetime.fromtimestamp((now - n * window) / 1000, UTC) for n in (1, 3))
    query = LateQuery("v1", since, floor, window / 1000)
    last = {key: ms for key, _, ms, *_ in prices}
    late_ones = [
        (ms / 1000, (last[key] - ms) / 1000)
        for key, ms, version, *_ in rows
        if version == "v1" and now - 3 * window <= ms < now - window
        and last.get(key, 0) >= now - window and last[key] - ms > window
    ]  # fmt: skip
    made, delays = zip(*late_ones, strict=True)
    folder = tmp_path / "late"
    url = f"csv:{folder}" if kind == "lines" else fresh_url(kind, folder, request)
    with closing(open_log(url, SMALL)) as log:
        assert log.late(query).n == 0
        if kind == "lines":
            write_csv(folder, rows, prices)
            text = (folder / "feedback.csv").read_text()
            (folder / "feedback.csv").write_text(text.replace("\n", "\r\n"))
        else:
            record(log, rows, prices)
        found = log.late(query)
        assert found.n == len(late_ones) > 10
        ends = (found.oldest, found.newest, found.shortest, found.longest)
        expected = (min(made), max(made), min(delays), max(delays))
        # SQLite's seconds are whole.
        np.testing.assert_allclose(ends, expected, atol=1.0 if kind == "sqlite" else 2e-3)
        assert log.late(msgspec.structs.replace(query, delay=1e9)).n == 0
        assert log.late(msgspec.structs.replace(query, version="v9")).n == 0
