"""The coverage is that of what was answered, by the labels that the server went by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing_cli.api.served import factors_of, load_served
from housing_cli.prediction_log import open_log
from tests.in_process import SMALL, Loop, shuffled

ADAPTS = (*SMALL, "serve.adapt_intervals=true")
KNOWN, ROWS = shuffled(0)[:300], shuffled(0)[300:]


def test_coverage_is_of_the_adapted_intervals_where_they_are_answered(tmp_path: Path) -> None:
    known = shuffled(0)
    loop = Loop(tmp_path, known[:300])
    for row in range(300, 450, 10):
        loop.live(known[row : row + 10], 1.3)
    as_trained = loop.evaluate().recent["interval_coverage"]
    loop.sets = (*loop.sets, "serve.adapt_intervals=true")
    adapted = loop.evaluate().recent["interval_coverage"]
    assert as_trained < 0.6
    assert adapted > as_trained + 0.2


def answered(loop: Loop) -> tuple[float, float]:
    """Return the factors that a server has now."""
    settings = loop.settings()
    log = open_log(settings.log.url, settings.schema())
    try:
        return factors_of(load_served(loop.registry, "v1"), log)
    finally:
        log.close()


def inside(loop: Loop, ids: list[str], factors: tuple[float, float]) -> dict[str, bool]:
    """Return whether each real price lies in the interval that was answered with these factors."""
    served = load_served(loop.registry, "v1").adapted(*factors)
    assert served.intervals is not None
    settings = loop.settings()
    log = open_log(settings.log.url, settings.schema())
    try:
        rows = log.labeled()
    finally:
        log.close()
    ends = served.intervals.intervals(rows.predicted, served.model.scored(rows.features)[1])
    held = (rows.real >= ends[:, 0]) & (rows.real <= ends[:, 1])
    return {key: bool(one) for key, one in zip(rows.ids, held, strict=True) if key in ids}


@pytest.mark.parametrize("window", ["30d", "120"])
def test_the_labels_are_those_of_the_server_whichever_are_judged(
    tmp_path: Path, window: str
) -> None:
    loop = Loop(tmp_path, KNOWN, ADAPTS)
    held: dict[str, bool] = {}
    for start in range(0, 200, 20):
        known = answered(loop)
        rows = ROWS[start : start + 20]
        ids = loop.predict(rows)
        real = rows["MEDV"].to_numpy() * 1.3
        predicted = load_served(loop.registry, "v1").model.score(
            rows.drop(columns="MEDV").to_numpy(dtype=float)
        )
        real[::2] = predicted[::2]  # sent back: no label, for the server and for the judgment
        real[1::4] = np.round(predicted[1::4], 1)  # rounded: the server cannot know
        if start == 100:
            real[3] *= 1000  # mistyped: it counts for the server, and not for the judgment
        loop.label(ids, real)
        held |= inside(loop, ids, known)
    judged = loop.evaluate(window=window)
    doubts = judged.labels.doubts
    assert doubts.equal is not None and doubts.equal.excluded
    assert doubts.far is not None and doubts.far.excluded
    ids = list(judged.rows.ids)
    assert len(ids) < len(held)
    expected = np.mean([held[key] for key in ids])
    assert judged.recent["interval_coverage"] == pytest.approx(expected, abs=1e-9)


def test_prices_sent_back_leave_the_servers_intervals_as_they_are(tmp_path: Path) -> None:
    loop = Loop(tmp_path, KNOWN, ADAPTS)
    loop.live(ROWS[:60], 1.3)
    before = answered(loop)
    assert before[1] > 1.2
    ids = loop.predict(ROWS[60:160])
    loop.label(ids, load_served(loop.registry, "v1").model.score(
        ROWS[60:160].drop(columns="MEDV").to_numpy(dtype=float)
    ))  # fmt: skip
    assert answered(loop) == before
