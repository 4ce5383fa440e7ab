"""Fits and cross-validation: every supported regressor compiles, and each row is priced unseen."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from sklearn.ensemble import HistGradientBoostingRegressor

from housing_cli.config import Settings, load_settings
from housing_cli.data.table import Table, read_table
from housing_cli.errors import ConfigError, DataError
from housing_cli.learning.export import export_onnx, verify_export
from housing_cli.learning.fitting import fit, measure, one_thread, predict
from housing_cli.learning.pipeline import BLENDS, SUPPORTED
from housing_cli.model.compiled import CompiledModel

DATA = Path(__file__).parents[2] / "data" / "HousingData.csv"


def settings(*sets: str) -> Settings:
    quick = ("model.params.n_estimators=20", "train.repeats=1", "train.folds=3", "train.jobs=2")
    return load_settings(None, {"data.path": str(DATA)}, (*quick, *sets), {})


@pytest.fixture(scope="module")
def table() -> Table:
    return read_table(DATA, settings().schema())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SUPPORTED))
def test_every_regressor_compiles_to_the_same_prices(
    tmp_path: Path, table: Table, name: str
) -> None:
    file = tmp_path / "housing.toml"
    members = 'estimators = ["GradientBoostingRegressor", "Ridge"]' if name in BLENDS else ""
    file.write_text(f'[model]\nregressor = "{name}"\n[model.params]\n{members}\n')
    fitted = fit(load_settings(file, {}, (), {}), table.features, table.target)
    compiled = CompiledModel(export_onnx(fitted, 13), 13)
    assert verify_export(fitted, compiled, table.features, seed=0) <= 1e-4


def test_every_row_is_priced_by_a_model_that_did_not_see_it(table: Table) -> None:
    measured = measure(settings("model.params.max_features=1.0"), table.features, table.target)
    assert measured.prices.shape == (1, 506)
    out_of_fold = np.sqrt(((measured.prices[0] - table.target) ** 2).mean())
    fitted = fit(settings(), table.features, table.target).predict(table.features)
    assert out_of_fold > 1.8 * np.sqrt(((fitted - table.target) ** 2).mean())


@pytest.mark.parametrize("members", ["", '["RandomForestRegressor", "ExtraTreesRegressor"]'])
def test_prices_are_the_same_to_the_last_bit_on_several_threads(table: Table, members: str) -> None:
    sets = ["model.params.n_estimators=100"]
    if members:
        sets = ["model.regressor=VotingRegressor", f"model.params.estimators={members}"]
    fitted = fit(settings(*sets) if not members else load_settings(None, {}, sets, {}),
                 table.features, table.target)  # fmt: skip
    assert len({predict(fitted, table.features).tobytes() for _ in range(10)}) == 1


def test_a_table_that_stands_twice_has_the_baseline_of_the_table(table: Table) -> None:
    """Folds that ignored the copies would say 1.9 instead of 3.6."""

    def rmse(features: np.ndarray, target: np.ndarray) -> float:
        return float(
            np.sqrt(((measure(settings(), features, target).prices[0] - target) ** 2).mean())
        )

    once = rmse(table.features, table.target)
    twice = rmse(np.tile(table.features, (2, 1)), np.tile(table.target, 2))
    assert twice == pytest.approx(once, rel=0.15)


def test_what_matters_is_found(table: Table) -> None:
    names = settings().data.features
    importances = measure(settings(), table.features, table.target).importances
    ranked = [names[k] for k in np.argsort(-importances)]
    assert set(ranked[:2]) == {"RM", "LSTAT"}
    noise = np.random.default_rng(0).normal(size=(506, 1))
    more = measure(settings(), np.hstack([table.features, noise]), table.target).importances
    assert more[-1] < 0.1 * more.max()


def test_progress_counts_folds_and_trees(table: Table) -> None:
    seen: list[tuple[str, int, int]] = []
    measure(settings(), table.features, table.target, lambda *step: seen.append(step))
    assert seen[0] == ("folds", 0, 3)
    assert ("folds", 3, 3) in seen and ("trees", 60, 60) in seen


def test_a_blend_is_measured_like_any_other(table: Table) -> None:
    sets = (
        "model.regressor=StackingRegressor",
        'model.params.estimators=["RandomForestRegressor", "Ridge"]',
        "model.params.RandomForestRegressor__n_estimators=10",
        "train.repeats=1",
        "train.folds=2",
    )
    seen: list[tuple[str, int, int]] = []
    first, again = (
        measure(
            load_settings(None, {"data.path": str(DATA)}, (*sets, f"train.jobs={jobs}"), {}),
            table.features,
            table.target,
            lambda *step: seen.append(step),
        ).prices
        for jobs in (1, 2)
    )
    assert np.array_equal(first, again)
    assert {what for what, _, _ in seen} == {"folds"}


def test_threads_leave_the_warning_filters_whole(table: Table) -> None:
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as said:
        measure(settings("train.repeats=3"), table.features, table.target)
    assert list(warnings.filters) == before
    assert not [w for w in said if "parallel.delayed" in str(w.message)]


def test_too_few_rows_are_said(table: Table) -> None:
    with pytest.raises(DataError, match="5 rows are too few for 3-fold"):
        measure(settings(), table.features[:5], table.target[:5])


def test_a_parameter_that_cannot_be_is_said(table: Table) -> None:
    with pytest.raises(ConfigError, match="the regressor cannot be fitted"):
        fit(settings("model.params.max_depth=-1"), table.features, table.target)


def test_openmp_has_one_thread_here_and_what_it_had_elsewhere() -> None:
    def threads() -> set[int]:
        pools = threadpoolctl.threadpool_info()
        return {pool["num_threads"] for pool in pools if pool["user_api"] == "openmp"}

    def elsewhere() -> None:
        seen.append(threads())

    seen: list[set[int]] = []
    with threadpoolctl.threadpool_limits(3, user_api="openmp"):
        with one_thread():
            assert threads() == {1}
        assert threads() == {3}
        decorated = one_thread()(threads)
        assert decorated() == {1} and threads() == {3}
    before = threads()
    with one_thread():
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join()
    assert seen == [before]


def test_histogram_boosting_is_fitted_by_one_thread(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    plain = HistGradientBoostingRegressor.fit

    def spying(self: object, *args: object) -> object:
        seen.extend(
            pool["num_threads"]
            for pool in threadpoolctl.threadpool_info()
            if pool["user_api"] == "openmp"
        )
        return plain(self, *args)

    monkeypatch.setattr(HistGradientBoostingRegressor, "fit", spying)
    sets = ["model.regressor=HistGradientBoostingRegressor", "model.params.max_iter=5"]
    with threadpoolctl.threadpool_limits(2, user_api="openmp"):
        given = load_settings(None, {}, (*sets, "train.repeats=1", "train.folds=2"), {})
        measure(given, table.features, table.target)
        fit(given, table.features, table.target)
    assert set(seen) == {1} and len(seen) >= 3


def test_a_price_without_a_logarithm_cannot_be_learned_as_one(table: Table) -> None:
    target = table.target.copy()
    target[3] = 0
    with pytest.raises(DataError, match="1 price is not above 0, and has no logarithm"):
        fit(settings("model.target=log"), table.features, target)


def test_a_logarithm_is_learned_and_a_price_told(table: Table) -> None:
    """Of two doublings of one price there is one in the middle: their geometric mean."""
    config = settings("model.target=log", "model.regressor=Ridge", "model.params={alpha = 1e9}")
    target = np.where(np.arange(len(table)) % 2, 10.0, 1000.0)
    fitted = fit(config, table.features, target)
    assert predict(fitted, table.features) == pytest.approx(np.full(len(table), 100.0), rel=0.01)
