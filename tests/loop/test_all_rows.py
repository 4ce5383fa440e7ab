"""Champion and challenger on all rows: prices that scatter, parts of the stock that are ruined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from housing_cli.errors import GateRefused
from housing_cli.judging.comparison import Comparison
from housing_cli.learning.fitting import measure
from housing_cli.loop.all_rows import scatter_in, stock_in
from housing_cli.loop.challenger import Material, assemble, contest, gather
from housing_cli.prediction_log.records import PREDICTED, Axis
from tests.in_process import Loop, shuffled
from tests.loop.test_challenger import (
    MOVED,
    SETTINGS,
    champion_of,
    houses,
    labeled,
    table,
)


def judged(factor: np.ndarray, apart: float = 0.0, n_base: int = 100) -> Comparison:
    """Return the contest of a challenger that learned `factor` times the prices of new houses.

    apart: by how much their features differ from those of the base data.
    """
    base = table(n_base)
    features, real = houses(len(factor), 1)
    return compared(gather(SETTINGS, base, labeled(features + apart, real * factor)))


def compared(found: Material) -> Comparison:
    """Return the contest of a challenger that learned all of it."""
    champion, reference = champion_of(found.base)
    features, target, _ = assemble(found)
    prices = measure(SETTINGS, features, target).prices
    told = (found, champion, reference, prices)
    axes = [
        Axis(name, edges)
        for name, edges in zip(["a", "b", PREDICTED], reference.edges, strict=True)
    ]
    return contest(
        SETTINGS, found, champion, reference,
        scatter=scatter_in(*told), stock=stock_in(*told, axes, metric="rmse", threshold=0.1),
    )  # fmt: skip


def test_prices_that_are_wrong_at_random_are_refused() -> None:
    factor = np.where(np.random.default_rng(2).permutation(120) < 60, 0.7, 1.0)
    found = judged(factor)
    assert found.scatter is not None
    assert found.scatter.n == 120
    assert any("scatter" in reason for reason in found.reasons)


def test_a_market_that_moved_in_the_middle_does_not_scatter() -> None:
    found = judged(np.repeat([1.0, MOVED], 60))
    assert found.wins
    assert found.scatter is not None
    assert found.scatter.ratio < 1.2
    assert found.stock is not None
    assert found.stock.recent is not None
    # Every price moved, and every old house has its like among the new ones.
    assert (found.stock.old_rows, found.stock.old, found.stock.ruined) == (0, None, False)


def test_houses_unlike_any_of_the_base_data_do_not_scatter() -> None:
    found = judged(np.where(np.arange(120) % 2, 0.7, 1.0), apart=10.0)
    assert found.scatter is None


def test_a_challenger_that_ruins_the_old_houses_is_refused_and_says_which() -> None:
    """A straight line through a new district of cheap houses is no line of the old houses."""
    found = judged(np.full(120, 0.3), apart=3.0, n_base=200)
    assert found.difference < 0  # of the new houses it is far better
    assert found.stock is not None
    assert found.stock.ruined
    assert found.stock.old_rows == 200
    worst = found.stock.old
    assert worst is not None
    assert worst.challenger > 1.1 * worst.champion
    assert not found.wins
    assert found.reasons[-1] == (
        f"RMSE {worst.challenger:.3f} against {worst.champion:.3f} on {worst.n} old rows of "
        f"{worst.bounds}, whose like nobody has sold since"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "low"), [("RAD", 24), ("LSTAT", 17), ("CRIM", 10)], ids=["RAD", "LSTAT", "CRIM"]
)
def test_a_real_district_is_learned_and_ruins_nothing(
    tmp_path: Path, column: str, low: float
) -> None:
    rows = shuffled(0)
    inside = rows[column] >= low
    outside, district = rows[~inside], rows[inside]
    loop = Loop(tmp_path, outside[80:])
    loop.live(district[: len(district) * 2 // 3])
    done = loop.retrain(promote=True)
    assert done.promoted
    stock = done.comparison["stock"]
    assert stock["old_rows"] > 200
    assert not stock["ruined"]
    assert done.comparison["level"] == 1.0


@pytest.mark.slow
def test_the_reason_stands_in_the_evidence(tmp_path: Path) -> None:
    rows = shuffled(1)
    loop = Loop(tmp_path, rows[:250])
    loop.live(rows[250:], np.where(np.arange(256) % 2, 0.7, 1.0))
    with pytest.raises(GateRefused, match="scatter") as refused:
        loop.retrain(promote=True)
    scatter = refused.value.evidence["scatter"]
    assert isinstance(scatter, dict)
    assert scatter["ratio"] > 1.2
    assert loop.registry.resolve("production") == "v1"
