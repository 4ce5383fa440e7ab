"""The error expected of rows without a label follows the version's own out-of-fold errors."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.judging.expected_error import FAR, ExpectedError, Scale
from housing_cli.judging.reference import Reference, edges_of


def reference(n: int = 2_000, seed: int = 0) -> tuple[Reference, np.ndarray]:
    """Return rows whose errors grow with the price and with the first feature, and the losses."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 3))
    features[::50, 2] = np.nan
    prices = np.exp(3 + 0.4 * features[:, 1])
    spread = 0.1 * prices * np.exp(0.5 * features[:, 0])
    out_of_fold = prices + spread * rng.normal(size=n)
    found = Reference(
        features,
        prices,
        out_of_fold[None],
        np.empty(0),
        tuple(edges_of(features, out_of_fold)),
        np.ones(n),
    )
    return found, np.abs(out_of_fold - prices)


def test_on_average_its_own_rows_have_the_error_that_they_had() -> None:
    known, losses = reference()
    model = ExpectedError.fit(known, losses)
    expected = model.of_rows(known.features, known.out_of_fold[0])
    assert expected.mean() == pytest.approx(losses.mean(), rel=0.03)
    assert expected.min() > 0


def test_new_rows_of_another_mix_are_expected_to_have_another_error() -> None:
    known, losses = reference()
    new, really = reference(4_000, 1)
    model = ExpectedError.fit(known, losses)
    for column in (0, 1):
        for sign in (-1, 1):
            picked = sign * new.features[:, column] > 0.8
            expected = model.of_rows(new.features[picked], new.out_of_fold[0, picked])
            assert expected.mean() == pytest.approx(really[picked].mean(), rel=0.15)
            assert abs(losses.mean() / really[picked].mean() - 1) > 0.2


def test_rows_far_from_all_training_rows_are_not_extrapolated() -> None:
    known, losses = reference()
    model = ExpectedError.fit(known, losses)
    far = np.array([[1e6, 1e6, np.nan], [-1e6, -1e6, 1e9]])
    expected = model.of_rows(far, np.array([1e9, -1e9]))
    assert (expected >= 0.1 * losses.mean() * (1 - 1e-9)).all()
    assert (expected <= model.most).all()


def test_a_row_without_any_feature_may_be_any_house() -> None:
    known, losses = reference()
    model = ExpectedError.fit(known, losses)
    features = np.vstack([known.features[:3], np.full((4, 3), np.nan)])
    predicted = np.array([20.0, 25.0, 30.0, 20.0, 20.0, 25.0, 20.0])
    found = model.of_all(features, predicted, known.target, lambda real, one: np.abs(real - one))
    assert found[:3].tolist() == model.of_rows(features, predicted)[:3].tolist()
    assert found[3] == found[4] == found[6] == pytest.approx(np.abs(known.target - 20.0).mean())
    assert found[5] == pytest.approx(np.abs(known.target - 25.0).mean())


def test_a_scale_takes_missing_and_constant_columns() -> None:
    columns = np.array([[1.0, np.nan, 5.0], [3.0, np.nan, 5.0], [np.nan, np.nan, 5.0]])
    scaled = Scale.of(columns).of_rows(np.array([[2.0, np.nan, 5.0], [1e9, 7.0, 6.0]]))
    assert scaled[0].tolist() == [0.0, 0.0, 0.0]
    assert scaled[1].tolist() == [FAR, FAR, 1.0]


def test_the_scale_of_absurd_values_is_finite() -> None:
    columns = np.array([[1.0, 1.7e308], [2.0, -1.7e308], [3.0, np.nan]])
    assert np.isfinite(Scale.of(columns).of_rows(columns)).all()


@pytest.mark.parametrize("absurd", [1e39, -np.inf])
def test_a_number_beyond_float32_is_as_good_as_missing(absurd: float) -> None:
    columns = np.random.default_rng(0).normal(size=(200, 2))
    columns[7, 1] = np.nan
    missing = Scale.of(columns).of_rows(columns)
    columns[7, 1] = absurd
    found = Scale.of(columns).of_rows(columns)
    assert found == pytest.approx(missing)
    assert found[:, 1].std() == pytest.approx(1.0, abs=0.01)
