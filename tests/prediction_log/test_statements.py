"""Sums are those of the rows, on every back end, and all back ends say the same."""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from housing_cli.model.intervals import IntervalModel
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.prediction_log.csv import window as csv_window
from housing_cli.prediction_log.ids import Clock
from housing_cli.prediction_log.records import PREDICTED, Axis, Knots, Sums, SumsQuery
from tests.prediction_log.conftest import fresh_url
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
    shutil.rmtree(folder, ignore_errors=True)
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


def insert(engine: sa.Engine, rows: list[Prediction], prices: list[Price]) -> None:
    """Replace what is in the tables."""
    clock = Clock()
    with engine.begin() as connection:
        for table, found, width in (("predictions", rows, 6), ("feedback", prices, 5)):
            connection.exec_driver_sql(f"DELETE FROM {table}")
            if found:
                at = 1 if table == "predictions" else 2
                words = ", ".join(f":c{place}" for place in range(width))
                connection.execute(
                    sa.text(f"INSERT INTO {table} VALUES ({words})"),
                    [
                        {
                            f"c{place}": clock.iso(int(value or 0)) if place == at else value
                            for place, value in enumerate(row)
                        }
                        for row in found
                    ],
                )


def by_key(sums: Sums) -> dict[tuple[str, str, str, int], list[float]]:
    """Return the records by axis, day, version and band."""
    columns = [getattr(sums, name).tolist() for name in ("n", "labeled", *MOMENTS)]
    keys = zip(sums.axes, sums.days, sums.versions, sums.bands.tolist(), strict=True)
    found = dict(zip(keys, map(list, zip(*columns, strict=True)), strict=True))
    assert len(found) == len(sums)
    return found


def of_rows(log: PredictionLog, query: SumsQuery) -> dict[tuple[str, str, str, int], list[float]]:
    """Return the same, added up here from the rows that the log gives."""
    seen = log.predictions(version=query.version, since=query.since)
    labeled = log.labeled(version=query.version, since=query.since)
    reals = dict(zip(labeled.ids, labeled.real.tolist(), strict=True))
    assert [key in reals for key in seen.ids] == seen.labeled.tolist()
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


@pytest.fixture
def databases(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, sa.Engine]]:
    urls = [fresh_url(kind, tmp_path, request) for kind in ("sqlite", "postgresql")]
    for url in urls:
        log = open_log(url, SMALL)
        log.append("v1", [[None, None]], [1.0])  # makes the tables
        log.close()
    engines = {url: sa.create_engine(url) for url in urls}
    yield engines
    for engine in engines.values():
        engine.dispose()


@pytest.mark.slow
def test_sums_are_those_of_the_rows_on_every_back_end(
    databases: dict[str, sa.Engine], tmp_path: Path
) -> None:
    folder = tmp_path / "csv"

    @settings(
        max_examples=40,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(log=rows_and_prices(), query=QUERIES)
    def check(log: tuple[list[Prediction], list[Price]], query: SumsQuery) -> None:
        write_csv(folder, *log)
        expected = None
        for url in (f"csv:{folder}", *databases):
            if url in databases:
                insert(databases[url], *log)
            opened = open_log(url, SMALL)
            found, rows = by_key(opened.sums(query)), of_rows(opened, query)
            assert_same(found, rows)
            assert_same(found, expected := expected or rows)
            if url not in databases:
                with pytest.MonkeyPatch.context() as patch:
                    for name in ("labeled", "predictions"):
                        patch.setattr(csv_window, name, lambda _: None)
                    assert_same(of_rows(opened, query), rows)
            opened.close()

    check()


@pytest.mark.slow
def test_an_empty_log_has_no_sums(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for kind in ("csv", "sqlite", "postgresql"):
        log = open_log(fresh_url(kind, tmp_path, request), SMALL)
        for query in (SumsQuery(), SumsQuery(axes=(Axis("RM", (6.0,)),), knots=KNOTS)):
            found = log.sums(query)
            assert len(found) == 0
            assert found.n.dtype == np.int64
            assert found.covered.shape == (0,)
        log.close()


@pytest.mark.parametrize("kind", ["csv", "sqlite", "postgresql"])
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
