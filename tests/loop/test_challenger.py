"""What a challenger learns from: the newest price of each house, at the price level of today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.data.table import Table, read_table
from housing_cli.judging.reference import Reference, edges_of
from housing_cli.learning.export import export_onnx
from housing_cli.learning.fitting import fit
from housing_cli.loop.challenger import Material, assemble, contest, gather, levels_of
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import Labeled, open_log
from tests.in_process import Loop, shuffled

MOVED = 1.3
SETTINGS = load_settings(
    None,
    {"data.features": ["a", "b"], "data.target": "y", "retrain.holdout": 0.5},
    ["model.regressor=LinearRegression"],
    {},
)


def houses(n: int, seed: int, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return features (n, 2) and prices (n,): 20 + 5 a + b and a little noise, times `factor`."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 2, (n, 2))
    return features, factor * (20 + features @ [5, 1] + rng.normal(0, 0.2, n))


def table(n: int = 60, seed: int = 0) -> Table:
    return Table(*houses(n, seed), "t.csv", "0" * 64)


def labeled(features: np.ndarray, real: np.ndarray, predicted: np.ndarray | None = None) -> Labeled:
    n = len(real)
    times = np.arange(n, dtype=float)
    names = [f"{k:08x}-0000-7000-8000-000000000000" for k in range(n)]
    made = real if predicted is None else predicted
    return Labeled(names, times, times, ["v1"] * n, features, made, real)


def material(base: Table, feedback: Labeled, settings: Settings = SETTINGS) -> Material:
    return gather(settings, base, feedback)


def test_without_feedback_there_is_the_base_alone() -> None:
    base = table()
    found = material(base, labeled(np.empty((0, 2)), np.empty(0)))
    features, target, level = assemble(found)
    assert found.expected.shape == levels_of(found).shape == (0,)
    assert (features.tolist(), target.tolist()) == (base.features.tolist(), base.target.tolist())
    assert level == 1.0


def test_the_base_alone_says_what_feedback_should_have_cost() -> None:
    features, real = houses(40, 1)
    found = material(table(), labeled(features, real * 3))
    assert found.expected == pytest.approx(real, rel=0.05)


def test_all_prices_stand_at_the_newest_level() -> None:
    base = table()
    (old, before), (new, after) = houses(30, 1), houses(30, 2, MOVED)
    found = material(base, labeled(np.vstack([old, new]), np.concatenate([before, after])))
    levels = levels_of(found)
    assert levels[:30].tolist() == [1.0] * 30
    assert levels[30:] == pytest.approx(MOVED, rel=0.03)
    features, target, level = assemble(found)
    assert features.shape == (120, 2)
    assert level == levels[-1]
    assert target == pytest.approx(
        np.concatenate([base.target * level, before * level, after]), rel=1e-12
    )


def test_only_what_is_old_enough_is_taken() -> None:
    (old, before), (new, after) = houses(30, 1), houses(30, 2, MOVED)
    found = material(table(), labeled(np.vstack([old, new]), np.concatenate([before, after])))
    features, target, level = assemble(found, 30)
    assert (len(features), len(target), level) == (90, 90, 1.0)
    assert levels_of(found, 30).tolist() == [1.0] * 30


def test_a_house_that_is_sold_again_counts_once_at_its_last_price() -> None:
    base = table(20)
    again = np.vstack([base.features[:5], base.features[:5]])
    found = material(base, labeled(again, np.concatenate([np.full(5, 30.0), np.full(5, 31.0)])))
    features, target, _ = assemble(found)
    assert len(features) == 20
    assert target[-5:].tolist() == [31.0] * 5
    assert features[-5:].tolist() == base.features[:5].tolist()


def test_missing_values_and_signed_zeros_make_no_other_house() -> None:
    base = Table(np.array([[np.nan, 0.0], [1.0, 2.0]]), np.array([20.0, 21.0]), "t.csv", "0" * 64)
    feedback = labeled(np.array([[-np.nan, -0.0]]), np.array([25.0]))
    features, target, _ = assemble(Material(base, feedback, np.array([20.0])))
    assert features.shape == (2, 2)
    assert target.tolist() == [21.0, 25.0]


def test_a_row_without_any_value_replaces_no_other() -> None:
    nothing = np.full((2, 2), np.nan)
    base = Table(np.vstack([nothing, [[1.0, 2.0]]]), np.array([20.0, 21.0, 22.0]), "t", "0" * 64)
    feedback = labeled(nothing[:1], np.array([25.0]))
    _, target, _ = assemble(Material(base, feedback, np.array([20.0])))
    assert sorted(target.tolist()) == [20.0, 21.0, 22.0, 25.0]


def test_a_row_that_is_left_out_takes_with_it_what_repeats_it() -> None:
    base = table(20)
    found = material(base, labeled(base.features[:3], np.full(3, 30.0)))
    without = found.keys(base.features[:3], base.target[:3])
    features, target, _ = assemble(found, without=without)
    assert features.tolist() == base.features[3:].tolist()
    assert target.tolist() == base.target[3:].tolist()


def champion_of(base: Table) -> tuple[CompiledModel, Reference]:
    """Return a champion that learned `base`, and its reference."""
    fitted = fit(SETTINGS, base.features, base.target)
    prices = fitted.predict(base.features)
    edges = tuple(edges_of(base.features, prices))
    return (
        CompiledModel(export_onnx(fitted, 2), 2),
        Reference(
            base.features, base.target, prices[None], np.empty(0), edges, np.ones(len(prices))
        ),
    )


def test_different_houses_that_look_alike_are_all_learned() -> None:
    coarse, prices = houses(60, 0)
    base = Table(np.round(coarse), prices, "t.csv", "0" * 64)
    found = material(base, labeled(np.round(houses(20, 1)[0]), houses(20, 1)[1]))
    assert found.look_alike
    assert len(assemble(found)[1]) == 80
    without = found.keys(base.features[:10], base.target[:10])
    assert len(assemble(found, without=without)[1]) == 70


def test_a_house_that_was_sold_before_is_not_known_by_heart() -> None:
    """Noise alone: who knows the older sale's price would look much better than it is."""
    rng = np.random.default_rng(4)
    settings = load_settings(
        None,
        {"data.features": ["a", "b"], "data.target": "y", "retrain.holdout": 0.5},
        ["model.regressor=DecisionTreeRegressor"],
        {},
    )
    features, prices = rng.uniform(0, 2, (60, 2)), rng.uniform(10, 50, 60)
    base = Table(features, prices, "t.csv", "0" * 64)
    again = labeled(np.vstack([features[:40]] * 2), np.tile(rng.uniform(10, 50, 40), 2))
    found = contest(settings, material(base, again, settings), *champion_of(base))
    assert found.challenger > 10


def test_a_challenger_that_knows_the_new_prices_wins() -> None:
    base = table(100)
    features, real = houses(80, 1, MOVED)
    steps: list[tuple[str, int, int]] = []
    found = contest(
        SETTINGS, material(base, labeled(features, real)), *champion_of(base),
        lambda *step: steps.append(step),
    )  # fmt: skip
    assert found.n == 40  # the newest half
    assert found.wins and found.challenger < 0.5 < found.champion
    assert found.level == pytest.approx(MOVED, rel=0.03)
    assert found.base is not None
    assert found.base.n == 20
    assert steps[-1] == ("comparisons", 6, 6)


def test_a_base_that_the_champion_did_not_learn_is_not_compared_on() -> None:
    base = table(100)
    champion, reference = champion_of(table(100, seed=9))
    features, real = houses(40, 1)
    found = contest(SETTINGS, material(base, labeled(features, real)), champion, reference)
    assert found.base is None


def test_a_champion_is_asked_for_its_out_of_fold_price_of_what_it_learned() -> None:
    base = table(100)
    champion, reference = champion_of(base)
    # Houses that it learned: its reference says that it was off by 5 where it had not seen them.
    features, real = base.features[:40], base.target[:40]
    off = replace(reference, out_of_fold=reference.target[None] + 5.0)
    found = contest(SETTINGS, material(base, labeled(features, real)), champion, off)
    assert found.champion == pytest.approx(5.0)


def material_of(loop: Loop):  # type: ignore[no-untyped-def]
    settings = loop.settings()
    log = open_log(settings.log.url, settings.schema())
    try:
        return gather(settings, read_table(settings.data.path, settings.schema()), log.labeled())
    finally:
        log.close()


def test_a_corrected_price_is_the_one_that_is_learned(tmp_path: Path) -> None:
    rows = shuffled(5)
    loop = Loop(tmp_path, rows[:400])
    ids = loop.live(rows[400:440], 0.2)
    loop.label(ids, rows["MEDV"][400:440].to_numpy())
    _, target, level = assemble(material_of(loop))
    assert level == pytest.approx(1.0, abs=0.1)
    assert sorted(target) == pytest.approx(sorted(rows["MEDV"][:440]), rel=0.1)


def test_past_prices_are_brought_to_the_level_of_today(tmp_path: Path) -> None:
    rows = shuffled(6)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:380])
    loop.live(rows[380:440], MOVED)
    _, target, level = assemble(material_of(loop))
    assert level == pytest.approx(MOVED, abs=0.1)
    assert target[:300] == pytest.approx(rows["MEDV"][:300].to_numpy() * level)
    assert target[-60:] == pytest.approx(rows["MEDV"][380:440].to_numpy() * MOVED)
