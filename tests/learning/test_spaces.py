"""What a search may try, and where it begins."""

from __future__ import annotations

import pytest

from housing_cli.config import Model, Settings
from housing_cli.errors import ConfigError
from housing_cli.learning.pipeline import MEMBERS
from housing_cli.learning.spaces import (
    FEW_ENOUGH,
    FORESTS,
    SPACES,
    STARTS,
    VOTE,
    basis,
    searched,
    space_of,
)

AMONG = Settings().train.tune_regressors
FOREST, EXTRA, EXACT, HISTOGRAM = AMONG[:4]


def test_the_settings_regressor_comes_first() -> None:
    assert searched(Model(), AMONG, 506) == [FOREST, EXTRA, EXACT, HISTOGRAM]
    assert searched(Model(HISTOGRAM, {}), AMONG, 506)[0] == HISTOGRAM


def test_a_regressor_that_is_not_among_them_was_chosen_on_purpose() -> None:
    assert searched(Model("Ridge", {}), AMONG, 506) == ["Ridge"]
    assert searched(Model("Ridge", {}), (*AMONG, "Ridge"), 506)[:2] == ["Ridge", FOREST]
    assert searched(Model(), (FOREST,), 506) == [FOREST]


def test_a_vote_has_members_to_search_or_nothing() -> None:
    vote = Model(VOTE, {"estimators": ["Ridge"]})
    assert searched(vote, AMONG, 506) == [FOREST, EXTRA, EXACT, HISTOGRAM]
    with pytest.raises(ConfigError, match="VotingRegressor has nothing to tune"):
        searched(vote, (FOREST,), 506)
    with pytest.raises(ConfigError, match="VotingRegressor has nothing to tune"):
        searched(vote, (VOTE,), 506)


def test_many_rows_are_left_to_histograms() -> None:
    assert EXACT not in searched(Model(), AMONG, FEW_ENOUGH + 1)
    assert searched(Model(EXACT, {}), AMONG, FEW_ENOUGH + 1)[0] == EXACT
    assert EXACT in searched(Model(), (FOREST, EXACT), FEW_ENOUGH + 1)


@pytest.mark.parametrize("name", ["Ridgge", "LinearRegression", "StackingRegressor"])
def test_what_cannot_be_searched_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match=f"`train.tune_regressors` names `{name}`") as error:
        searched(Model(), (*AMONG, name), 506)
    assert "use some of AdaBoostRegressor" in error.value.hint


def test_what_the_search_chooses_may_vote() -> None:
    assert set(SPACES) <= set(MEMBERS)
    assert set(AMONG) <= {*SPACES, VOTE}


@pytest.mark.parametrize("name", STARTS)
def test_a_start_names_every_parameter_within_its_range(name: str) -> None:
    space = space_of(name)
    for start in STARTS[name]:
        assert set(start) == set(space)
        for param, value in start.items():
            assert space[param]._contains(space[param].to_internal_repr(value))
            assert type(value) is SPACES[name][param][0]


def test_the_settings_parameters_stay_and_another_regressor_begins_with_its_own() -> None:
    own = Model(FOREST, {"n_estimators": 7}, "mean")
    assert basis(FOREST, own, 506) is own
    assert basis(EXTRA, own, 506) == Model(EXTRA, {"n_estimators": 300}, "mean")
    assert basis(EXACT, own, 506) == Model(EXACT, {}, "mean")
    assert basis(HISTOGRAM, own, 50_000).params == {"early_stopping": False}


@pytest.mark.parametrize(("rows", "trees"), [(50, 300), (10_000, 200), (1_000_000, 100)])
def test_forests_of_many_rows_have_fewer_trees(rows: int, trees: int) -> None:
    assert set(FORESTS) == {FOREST, EXTRA}
    assert basis(EXTRA, Model(), rows).params == {"n_estimators": trees}
