"""The compiled model scores as the fitted one does, and refuses what is damaged."""

from __future__ import annotations

import threading
import time

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline

from housing_cli.errors import VersionCorrupt
from housing_cli.model.compiled import CHUNK_ROWS, HIGHEST, CompiledModel, fits, shortest

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def table() -> Array:
    random = np.random.default_rng(7)
    return random.normal(size=(300, 4)).astype(np.float32).astype(np.float64)


@pytest.fixture(scope="module")
def fitted(table: Array) -> Pipeline:
    price = np.exp(table[:, 0]) * 20 + table[:, 1]
    forest = RandomForestRegressor(30, random_state=0)
    return make_pipeline(SimpleImputer(strategy="median"), forest).fit(table, price)


@pytest.fixture(scope="module")
def onnx_bytes(fitted: Pipeline) -> bytes:
    shape = [("features", FloatTensorType([None, 4]))]
    return bytes(to_onnx(fitted, initial_types=shape).SerializeToString())


@pytest.fixture(scope="module")
def model(onnx_bytes: bytes) -> CompiledModel:
    return CompiledModel(onnx_bytes, 4)


def test_scores_equal_those_of_scikit_learn(
    model: CompiledModel, fitted: Pipeline, table: Array
) -> None:
    assert np.abs(model.score(table) - fitted.predict(table)).max() < 1e-4


def test_one_row_scores_as_it_does_in_a_batch(model: CompiledModel, table: Array) -> None:
    assert [model.score_few([row])[0] for row in table.tolist()] == model.score(table).tolist()


def test_rows_that_were_made_ready_are_kept_for_another_model(
    model: CompiledModel, table: Array
) -> None:
    rows = [[None, *table[0, 1:].tolist()], table[1].tolist(), [1e300, 0.0, 0.0, 0.0]]
    prices, spreads, kept = model.scored_and_kept(rows)
    assert (prices, spreads) == model.scored_few(rows)
    model.score_few([[9.0] * 4])  # which uses the same memory
    assert shortest(model.run(kept)[0]) == prices
    assert kept.dtype == np.float32


def test_more_rows_than_a_chunk_keep_their_order(model: CompiledModel, table: Array) -> None:
    many = np.tile(table, (1 + 2 * CHUNK_ROWS // len(table), 1))
    assert model.score(many)[: len(table)].tolist() == model.score(table).tolist()
    assert len(model.score(many)) == len(many)


def test_no_rows_give_no_prices(model: CompiledModel) -> None:
    assert model.score(np.empty((0, 4))).shape == (0,)


def test_none_is_imputed(model: CompiledModel, fitted: Pipeline) -> None:
    expected = fitted.predict([[np.nan, 0.5, np.nan, 0.1]])[0]
    assert model.score_few([[None, 0.5, None, 0.1]])[0] == pytest.approx(expected, abs=1e-4)


def test_a_row_leaves_nothing_behind_for_the_next(model: CompiledModel) -> None:
    full = model.score_few([[1.0, 1.0, 1.0, 1.0]])[0]
    model.score_few([[None, None, None, None]])[0]
    assert model.score_few([[1.0, 1.0, 1.0, 1.0]])[0] == full


@pytest.mark.parametrize("huge", [1e300, -1e300, 3.5e38, float("inf")])
def test_numbers_beyond_float32_are_clipped_and_score_finitely(
    model: CompiledModel, huge: float
) -> None:
    alone = model.score_few([[huge, 0.0, 0.0, 0.0]])[0]
    assert np.isfinite(alone)
    assert model.score(np.array([[huge, 0.0, 0.0, 0.0]]))[0] == alone


def test_prices_are_the_shortest_decimals_of_their_float32(
    model: CompiledModel, table: Array
) -> None:
    for price in model.score(table[:50]).tolist():
        assert repr(price) == str(np.float32(price))


@pytest.mark.parametrize("spread", [0.5, 6.0, 40.0])
def test_any_float32_finds_its_shortest_decimal(spread: float) -> None:
    random = np.random.default_rng(0)
    values = np.concatenate(
        [
            np.exp(np.clip(random.normal(3, spread, 5000), -80, 80)) * random.choice([-1, 1], 5000),
            np.round(random.uniform(0, 60, 1000), 2),
            2.0 ** random.integers(-40, 60, 200),
            [0.0, -0.0, 0.1, 999999.94, 1e6, 16777216.0],
        ]
    ).astype(np.float32)
    texts = [repr(float(str(x))) for x in values]
    assert [repr(x) for x in shortest(values)] == texts
    for start in range(0, len(values), 7):  # a few are treated otherwise than many
        few = shortest(values[start : start + 7])
        assert [repr(x) for x in few] == texts[start : start + 7]


def test_golden_rows_pass_and_wrong_ones_are_corrupt(
    model: CompiledModel, fitted: Pipeline, table: Array
) -> None:
    rows, prices = table[:5].tolist(), fitted.predict(table[:5]).tolist()
    model.check_golden(rows, prices)
    with pytest.raises(VersionCorrupt, match=r"golden rows differ .* by 0\.5"):
        model.check_golden(rows, [prices[0] + 0.5, *prices[1:]])
    with pytest.raises(VersionCorrupt, match="golden rows differ"):
        model.check_golden(rows, [float("nan")] * 5)
    with pytest.raises(VersionCorrupt, match="shape"):
        model.check_golden(rows, prices[:3])
    with pytest.raises(VersionCorrupt, match="shape"):
        model.check_golden([*rows[:4], rows[4][:2]], prices)


def test_a_model_without_golden_rows_is_not_believed(model: CompiledModel) -> None:
    with pytest.raises(VersionCorrupt, match="no golden rows"):
        model.check_golden([], [])


@pytest.mark.parametrize("cut", [0, 1, 100, 0.5, 0.99])
def test_a_damaged_graph_is_corrupt(onnx_bytes: bytes, cut: float) -> None:
    end = int(len(onnx_bytes) * cut) if isinstance(cut, float) else cut
    with pytest.raises(VersionCorrupt):
        CompiledModel(onnx_bytes[:end], 4)


def test_another_number_of_features_is_corrupt(onnx_bytes: bytes) -> None:
    with pytest.raises(VersionCorrupt, match="not 5 features"):
        CompiledModel(onnx_bytes, 5)


def test_the_runtime_still_keeps_the_bytes_where_they_are_let_go(
    onnx_bytes: bytes, model: CompiledModel
) -> None:
    """`_open_session` empties a part of the session that is not public."""
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    missing = "ONNX Runtime keeps a model's bytes elsewhere now: mend `model/compiled.py`"
    assert getattr(session, "_model_bytes", None) == onnx_bytes, missing
    assert model._session._model_bytes is None


def test_a_batch_in_a_thread_leaves_the_interpreter_to_others(model: CompiledModel) -> None:
    """The runtime lets go of the interpreter lock: Python code runs while a batch is scored."""
    rows = np.zeros((200_000, 4))
    done = threading.Event()

    def score() -> None:
        model.score(rows)
        done.set()

    model.score(rows[:10])
    worst = 0.0
    thread = threading.Thread(target=score)
    thread.start()
    while not done.is_set():
        before = time.perf_counter()
        time.sleep(0.0005)
        worst = max(worst, time.perf_counter() - before)
    thread.join()
    assert worst < 0.25


def test_rows_may_be_scored_by_many_threads(model: CompiledModel, table: Array) -> None:
    expected = model.score(table).tolist()
    wrong: list[int] = []

    def score(offset: int) -> None:
        rows = range(offset, len(table), 4)
        wrong.extend(i for i in rows if model.score_few([table[i].tolist()])[0] != expected[i])

    threads = [threading.Thread(target=score, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_a_spread_every_spread_is_one(model: CompiledModel, table: Array) -> None:
    prices, spreads = model.scored(table)
    assert prices.tolist() == model.score(table).tolist()
    assert spreads.tolist() == [1.0] * len(table)
    assert model.scored_few(table[:3].tolist()) == (prices[:3].tolist(), [1.0] * 3)


def test_a_spread_is_asked_only_of_a_graph_that_holds_it(onnx_bytes: bytes) -> None:
    with pytest.raises(VersionCorrupt):
        CompiledModel(onnx_bytes, 4, spreads=True)


def test_rows_fit_unless_a_number_is_beyond_float32() -> None:
    beyond = 3.402823466385289e38
    pairs = [[1.0, np.nan], [HIGHEST, -HIGHEST], [beyond, 0.0], [0.0, -np.inf], [1e39, np.nan]]
    rows = np.array(pairs)
    assert fits(rows).tolist() == [True, True, False, False, False]
