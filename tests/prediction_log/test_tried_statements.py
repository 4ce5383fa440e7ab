"""Answers that a trial had a part in: every back end gives the same ones."""

from __future__ import annotations

import math
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import PredictionLog, Served, open_log
from housing_cli.prediction_log.tried import Made, Tried, TriedQuery
from tests.prediction_log.conftest import BACK_ENDS, fresh_url
from tests.prediction_log.csv.small import SMALL

BEGAN_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
ANSWERS = 120


def fill(log: PredictionLog, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record an answer an hour, of v7 with a shadow v8 or of a canary v9; return their ids.

    Every tenth has no row of `served`, the shadow fails on every seventh. Prices come in late, and
    in another order; some are corrected, and some never come.
    """
    ids = []
    for number in range(ANSWERS):
        at = BEGAN_MS + number * HOUR_MS
        monkeypatch.setattr(time, "time_ns", lambda at=at: at * 1_000_000)
        canary = number % 4 == 1
        version = "v9" if canary and number % 12 != 1 else "v7"
        ids += log.append(version, [[6.0 + number, None]], [20.0 + number])
        if number % 10 == 9:
            continue
        price = None if number % 7 == 0 else 20.25 + number
        arm = "canary" if canary else None
        row = Served(ids[-1], arm=arm, shadow_version="v7" if canary else "v8", shadow_price=price)
        log.append_served([row])
    end = BEGAN_MS + 2 * ANSWERS * HOUR_MS
    for step, number in enumerate(np.random.default_rng(0).permutation(ANSWERS)[:80].tolist()):
        monkeypatch.setattr(time, "time_ns", lambda at=end + step: at * 1_000_000)
        log.feedback(ids[number], 30.0 + number)
        if number % 5 == 0:
            log.feedback(ids[number], 31.0 + number)
    monkeypatch.undo()
    return ids


def expected(log: PredictionLog, query: TriedQuery) -> tuple[list[tuple[object, ...]], list[Made]]:
    """Return the same, joined here from what the log gives otherwise."""
    seen, labeled = log.predictions(since=query.since), log.labeled()
    real = dict(zip(labeled.ids, zip(labeled.labeled_at, labeled.real, strict=True), strict=True))
    served = {row.id: row for row in log.served()}
    rows: list[tuple[object, ...]] = []
    counts: dict[str, list[int]] = {}
    for at, key in enumerate(seen.ids):
        row = served.get(key)
        if row is None or query.shadow not in {None, row.shadow_version}:
            continue
        if query.arm not in {None, row.arm}:
            continue
        said = math.nan if row.shadow_price is None else row.shadow_price
        known = real.get(key, (math.nan, math.nan))
        count = counts.setdefault(seen.versions[at], [0] * 4)
        priced, has = row.shadow_price is not None, key in real
        for place, one in enumerate((True, priced, has, priced and has)):
            count[place] += one
        if query.labeled and not has:
            continue
        features = seen.features[at].tolist() if query.features else []
        text = (key, seen.versions[at], row.arm or "", row.shadow_version or "")
        numbers = (seen.timestamps[at], seen.predicted[at], said, *known)
        rows.append((*text, *map(repr, map(float, numbers)), *map(repr, features)))
    made = [Made(name, *count) for name, count in sorted(counts.items())]
    return rows[len(rows) - query.newest :] if query.newest is not None else rows, made


def as_rows(found: Tried) -> list[tuple[object, ...]]:
    texts = (found.ids, found.versions, found.arms, found.shadows)
    names = ("timestamps", "predicted", "shadow_prices", "labeled_at", "real")
    numbers = np.column_stack([*(getattr(found, name) for name in names), found.features])
    return [
        (*text, *map(repr, row))
        for text, row in zip(zip(*texts, strict=True), numbers.tolist(), strict=True)
    ]


SINCE = datetime.fromtimestamp((BEGAN_MS + 40 * HOUR_MS) / 1000, UTC)
QUERIES = [
    TriedQuery(),
    TriedQuery(shadow="v8"),
    TriedQuery(arm="canary", features=True),
    TriedQuery(shadow="v8", since=SINCE, labeled=True, features=True),
    TriedQuery(shadow="v8", labeled=True, newest=7),
    TriedQuery(arm="canary", shadow="v7", since=SINCE, newest=3, features=True),
    TriedQuery(arm="canary", newest=0),
    TriedQuery(shadow="nobody"),
    TriedQuery(since=SINCE + timedelta(days=900)),
]


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_answers_are_those_of_the_rows(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_log(fresh_url(kind, tmp_path, request), SMALL)) as log:
        fill(log, monkeypatch)
        for query in QUERIES:
            found = log.tried(query)
            rows, made = expected(log, query)
            assert as_rows(found) == rows
            assert list(found.made) == made
            assert (found.skipped, found.repeated) == (0, 0)
        whole = log.tried(TriedQuery(shadow="v8"))
        assert 0 < np.isnan(whole.shadow_prices).sum() < len(whole) == sum(m.n for m in whole.made)
        kept = ~np.isnan(whole.real)
        assert as_rows(whole.where(kept)) == as_rows(log.tried(TriedQuery("v8", labeled=True)))
        answers = log.tried(QUERIES[3]).answers()
        wanted = log.labeled(since=SINCE)
        wanted = wanted.where(np.isin(np.array(wanted.ids), answers.ids))
        assert list(answers.ids) == list(wanted.ids)
        for name in ("timestamps", "labeled_at", "features", "predicted", "real"):
            np.testing.assert_array_equal(getattr(answers, name), getattr(wanted, name))


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_a_log_without_a_trial_has_no_answers_of_one(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with closing(open_log(fresh_url(kind, tmp_path, request), SMALL)) as log:
        for _ in range(2):
            found = log.tried(TriedQuery(shadow="v8", since=SINCE, features=True))
            assert len(found) == 0
            assert found.features.shape == (0, 2)
            assert found.real.shape == found.shadow_prices.shape == (0,)
            assert list(found.made) == []
            log.append("v7", [[6.0, None]], [20.0])


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_the_first_row_of_an_id_is_what_the_answer_carried(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with closing(open_log(fresh_url(kind, tmp_path, request), SMALL)) as log:
        (one,) = log.append("v7", [[6.0, None]], [20.0])
        for price in (21.0, 22.0):
            log.append_served([Served(one, shadow_version="v8", shadow_price=price)])
        assert log.tried(TriedQuery(shadow="v8")).shadow_prices.tolist() == [21.0]


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_any_feature_name_is_no_column_of_a_trial(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    schema = FeatureSchema(("arm", "shadow_price", "key", "ID", "a,b"), "price")
    with closing(open_log(fresh_url(kind, tmp_path, request), schema)) as log:
        (one,) = log.append("v7", [[1.0, 2.0, 3.0, 4.0, 5.0]], [20.0])
        log.append_served([Served(one, arm="canary", shadow_price=21.0, shadow_version="v8")])
        found = log.tried(TriedQuery(arm="canary", features=True))
        assert found.features.tolist() == [[1.0, 2.0, 3.0, 4.0, 5.0]]
        assert (found.arms, found.shadow_prices.tolist()) == (["canary"], [21.0])
