"""The encoder and what stands for it in the compiled graph give the same, also for what is new."""

from __future__ import annotations

import warnings
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from housing_cli.config.settings import Model
from housing_cli.data.kinds import EPOCH, Boolean, Category, Date, Kind, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.learning.encoding import DateParts, civil, encoder
from housing_cli.learning.export import export_onnx, verify_export
from housing_cli.learning.pipeline import build_pipeline, know_names
from housing_cli.learning.spread import fit_spread
from housing_cli.model.compiled import CompiledModel

FEW = Category(vocabulary(["a", "b", "c"]), "one-hot")
MANY = Category(vocabulary(map(str, range(40))), "target")
OTHERS = Category(vocabulary(map(str, range(40, 60))), "target")
KINDS: dict[str, Kind] = {
    "few": FEW,
    "many": MANY,
    "others": OTHERS,
    "pool": Boolean(),
    "day": Date("2015-05-27"),
}
SCHEMA = FeatureSchema(("few", "area", "many", "pool", "day", "others"), "y", {}, dict(KINDS))
N = 600


def rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    few, many, others = (rng.choice(sorted(kind.codes.values()), N) for kind in (FEW, MANY, OTHERS))
    area, pool = rng.gamma(4, 25, N), rng.integers(0, 2, N)
    day = rng.integers(16_000, 16_500, N)
    features = np.column_stack([few, area, many, pool, day, others]).astype(float)
    worth = {code: 10.0 * k for k, code in enumerate(FEW.codes.values())}
    price = 50 + area / 4 + np.array([worth[code] for code in few]) + many % 13 + 5 * pool
    features[rng.random(features.shape) < 0.04] = np.nan
    return features, price + rng.normal(0, 1, N)


FEATURES, TARGET = rows()


@pytest.mark.parametrize(
    "regressor", ["RandomForestRegressor", "HistGradientBoostingRegressor", "Ridge"]
)
def test_compiled_and_fitted_prices_are_the_same(regressor: str) -> None:
    params = {"n_estimators": 20} if regressor.startswith("Random") else {}
    model = Model(regressor, params)
    pipeline = build_pipeline(model, seed=1, jobs=1, schema=SCHEMA).fit(FEATURES, TARGET)
    compiled = CompiledModel(export_onnx(pipeline, 6), 6)
    assert verify_export(pipeline, compiled, FEATURES, 1, whole=SCHEMA.whole()) < 1e-4


def test_intervals_read_the_encoded_columns() -> None:
    model = Model("RandomForestRegressor", {"n_estimators": 20})
    pipeline = build_pipeline(model, seed=1, jobs=1, schema=SCHEMA).fit(FEATURES, TARGET)
    spread = fit_spread(pipeline, FEATURES, TARGET, TARGET[None] + TARGET % 7 - 3, 1)
    assert spread is not None
    compiled = CompiledModel(export_onnx(pipeline, 6, spread.model), 6, spreads=True)
    verify_export(pipeline, compiled, FEATURES, 1, spread.model, SCHEMA.whole())


def test_an_unknown_word_is_none_of_the_known_and_a_missing_one_is_its_own() -> None:
    step = encoder(SCHEMA, "median", 1).fit(FEATURES, TARGET)
    row = FEATURES[:1].copy()
    row[0, 0], row[0, 2] = 12.0, 12.0
    width = len(FEW.codes) + 1  # the missing ones are a column too
    encoded = step.transform(row)[0]
    numbers = 2
    assert encoded[numbers : numbers + width].tolist() == [0.0] * width
    assert encoded[numbers + width] == pytest.approx(TARGET.mean())
    row[0, 0] = np.nan
    assert step.transform(row)[0, numbers : numbers + width].sum() == 1


def test_a_row_does_not_read_its_own_price() -> None:
    """With as many words as rows the mean of a word is the price itself, unless it is crossed."""
    rng = np.random.default_rng(3)
    kind = Category({str(k): k for k in range(200)}, "target")
    schema = FeatureSchema(("word",), "y", {}, {"word": kind})
    words, noise = np.repeat(np.arange(100.0), 2)[:, None], rng.normal(100, 10, 200)
    seen = encoder(schema, "median", 1).fit_transform(words, noise)[:, 0]
    assert abs(np.corrcoef(seen, noise)[0, 1]) < 0.3


def test_the_calendar() -> None:
    days = [date(1600, 1, 1) + timedelta(days=step) for step in range(0, 300_000, 37)]
    numbers = np.array([day.toordinal() - EPOCH for day in days])
    years, months = civil(numbers)
    assert years.tolist() == [day.year for day in days]
    assert months.tolist() == [day.month for day in days]


def test_parts_of_a_day_and_the_median_for_a_missing_one() -> None:
    reference = date(2015, 5, 27).toordinal() - EPOCH
    parts = DateParts([reference]).fit(np.array([[16_000.0], [16_002.0], [16_004.0]]))
    found = parts.transform(np.array([[16_356.0], [np.nan]]))
    assert found[0].tolist() == [-1.0, 10.0, reference - 16_356.0]
    assert found[1, 2] == reference - 16_002.0


def test_a_pipeline_that_knows_its_names_takes_columns_by_them_without_a_word() -> None:
    model = Model("RandomForestRegressor", {"n_estimators": 5})
    pipeline = build_pipeline(model, seed=1, jobs=1, schema=SCHEMA).fit(FEATURES, TARGET)
    prices = pipeline.predict(FEATURES)
    know_names(pipeline, SCHEMA.features)
    frame = pd.DataFrame(FEATURES, columns=list(SCHEMA.features))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (pipeline.predict(frame) == prices).all()
        assert (pipeline.predict(frame[frame.columns[::-1]]) == prices).all()
        with pytest.raises(ValueError, match="missing"):
            pipeline.predict(frame.drop(columns="day"))
