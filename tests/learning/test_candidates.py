"""The best of what was tried: one regressor, or the vote of two."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.config import Model
from housing_cli.learning.candidates import (
    KEPT,
    Candidate,
    best_scores,
    chosen,
    pruned,
    rmse,
    single,
    vote,
    voting,
)
from housing_cli.learning.pipeline import build_pipeline

TARGET = np.array([1.0, 2.0, 3.0, 4.0])


def tried(regressor: str, *off: float, **params: object) -> Candidate:
    """A candidate whose prices are off by `off`; given up where it has no prices."""
    if not off:
        return Candidate(Model(regressor, params), params, 9.0, None)
    prices = TARGET + np.array(off)
    return Candidate(Model(regressor, params), params, rmse(prices, TARGET), prices)


RIDGE = tried("Ridge", 1, 1, 1, 1, alpha=2.0)
LASSO = tried("Lasso", -1, -1, -1, 1.2)
TREE = tried("DecisionTreeRegressor", 0.9, 0.9, 0.9, 0.9)


def test_rmse_is_in_the_unit_of_the_target() -> None:
    assert rmse(TARGET + np.array([3, -3, 3, -3]), TARGET) == 3


def test_the_best_vote_is_of_those_that_err_to_different_sides() -> None:
    best = vote([RIDGE, LASSO, TREE], TARGET)
    assert best is not None
    assert {one.regressor for one in best.members} == {"Lasso", "DecisionTreeRegressor"}
    assert best.score == pytest.approx(tried("Ridge", -0.05, -0.05, -0.05, 1.05).score)
    assert chosen([RIDGE, LASSO, TREE], TARGET, votes=True) == best


def test_without_votes_the_best_candidate_is_chosen() -> None:
    assert single([RIDGE, LASSO, TREE]).members == (TREE,)
    assert chosen([RIDGE, LASSO, TREE], TARGET, votes=False).model == TREE.model


def test_a_vote_that_gains_next_to_nothing_is_not_chosen() -> None:
    nearly = tried("Lasso", 0.9, 0.9, 0.9, 0.8995)
    best = vote([TREE, nearly], TARGET)
    assert best is not None and best.score < TREE.score
    assert len(chosen([TREE, nearly], TARGET, votes=True).members) == 1


def test_who_was_given_up_and_who_votes_already_cannot_vote() -> None:
    blend = tried("VotingRegressor", -1, -1, -1, -1)
    assert vote([RIDGE, tried("Lasso"), blend], TARGET) is None
    assert vote([RIDGE, tried("Ridge", -1, -1, -1, -1)], TARGET) is None


def test_of_equals_the_first_is_taken() -> None:
    assert single([tried("Lasso", 1, 1, 1, 1), RIDGE]).model.regressor == "Lasso"


def test_best_scores_are_the_lowest_of_each_regressor() -> None:
    scores = best_scores([RIDGE, tried("Ridge", 0.5, 0.5, 0.5, 0.5), tried("Lasso")])
    assert scores == {"Ridge": 0.5, "Lasso": 9.0}


def test_prices_are_kept_of_the_best_alone() -> None:
    ridges = [tried("Ridge", *[k] * 4, alpha=k) for k in (5.0, 1.0, 4.0, 2.0, 3.0)]
    kept = pruned([*ridges, LASSO])
    assert [one.score for one in kept] == [5, 1, 4, 2, 3, LASSO.score]
    with_prices = sorted(one.score for one in kept if one.prices is not None)
    assert with_prices == sorted([*range(1, KEPT + 1), LASSO.score])


def test_a_vote_is_what_the_settings_would_say_of_it() -> None:
    model = voting(Model("Ridge", {"alpha": 2.0}, "mean"), Model("Lasso", {"alpha": 0.1}))
    assert model == Model(
        "VotingRegressor",
        {"estimators": ["Ridge", "Lasso"], "Ridge__alpha": 2.0, "Lasso__alpha": 0.1},
        "mean",
    )
    pipeline = build_pipeline(model, seed=0, jobs=1)
    features = np.random.default_rng(0).normal(size=(20, 2))
    pipeline.fit(features, features[:, 0])
    alone = [
        build_pipeline(Model(name, {"alpha": alpha}, "mean"), seed=0, jobs=1)
        .fit(features, features[:, 0])
        .predict(features)
        for name, alpha in (("Ridge", 2.0), ("Lasso", 0.1))
    ]
    assert pipeline.predict(features) == pytest.approx(np.mean(alone, axis=0))
