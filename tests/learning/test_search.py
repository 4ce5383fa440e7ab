"""Whose turn it is in a search, what it gives up, and which rows it sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.learning.search import GIVE_UP, INNER_FOLDS, MOST_ROWS, Search, begin, with_params
from housing_cli.learning.spaces import STARTS, searched, space_of

AMONG = Settings().train.tune_regressors
FOREST, EXTRA, EXACT, HISTOGRAM = AMONG[:4]
TARGET = np.random.default_rng(0).normal(20, 5, 60)


def search(*sets: str, rows: int = 60, target: np.ndarray = TARGET) -> Search:
    settings = load_settings(None, {}, sets, {})
    names = searched(settings.model, settings.train.tune_regressors, rows)
    spaces = {name: space_of(name) for name in names}
    return begin(settings, spaces, np.arange(rows), target, np.arange(len(target)))


def play(one: Search, off: Mapping[str, float], trials: int) -> list[str]:
    """Let each regressor be off by so much, with a sign of its own; return whose turns it was."""
    turns = []
    for _ in range(trials):
        asked = one.ask()
        name = asked.model.regressor
        sign = np.random.default_rng(AMONG.index(name)).choice([-1, 1], len(one.target))
        asked.prices[:] = one.target + off[name] * sign
        one.tell(asked)
        turns.append(name)
    return turns


EVEN = {FOREST: 3.0, EXTRA: 2.5, EXACT: 2.0, HISTOGRAM: 2.2}


def test_each_regressor_begins_with_its_start_and_the_settings_own_model_is_first() -> None:
    one = search()
    assert play(one, EVEN, 4) == list(AMONG[:4])
    own, *others = one.tried
    assert own.model == Settings().model and own.params == {}
    for candidate in others:
        assert STARTS[candidate.regressor][0].items() <= candidate.params.items()
        assert candidate.params == candidate.model.params


def test_the_two_that_lead_take_turns_and_the_others_have_a_fourth() -> None:
    one = search()
    turns = play(one, EVEN, 24)[4:]
    assert one.votes
    pair = {member.regressor for member in one.best().members}
    count = Counter(turns)
    assert [name in pair for name in turns] == [k % 4 != 3 for k in range(20)]
    assert {count[name] for name in pair} <= {7, 8}


def test_without_votes_the_best_two_take_turns() -> None:
    one = search("train.tune_regressors=" + ",".join(AMONG[:4]))
    turns = play(one, EVEN, 12)[4:]
    assert not one.votes and len(one.best().members) == 1
    assert {name for k, name in enumerate(turns) if k % 4 != 3} == {EXACT, HISTOGRAM}
    assert {name for k, name in enumerate(turns) if k % 4 == 3} == {FOREST, EXTRA}


def test_one_regressor_alone_has_every_turn_and_no_start() -> None:
    one = search("train.tune_regressors=RandomForestRegressor")
    assert set(play(one, EVEN, 5)) == {FOREST}
    assert not one.votes
    assert all(c.params != STARTS[FOREST][0] for c in one.tried)
    assert all(c.model == with_params(Settings().model, c.params) for c in one.tried)


def test_before_its_first_trial_a_search_takes_the_settings_model() -> None:
    assert search().best().model == Settings().model


@pytest.mark.parametrize(("off", "given_up"), [(1.1, False), (1.2, True)])
def test_who_is_far_behind_after_a_fold_is_given_up(off: float, given_up: bool) -> None:
    assert 1.1 < 1 + GIVE_UP < 1.2
    one = search()
    play(one, EVEN, 1)
    asked = one.ask()
    held = one.folds[0][1]
    asked.prices[held] = one.target[held] + off * EVEN[FOREST]
    one.look(asked, 1)
    assert asked.given_up == given_up
    if given_up:
        one.tell(asked)
        last = one.tried[-1]
        assert last.prices is None and last.score == pytest.approx(off * EVEN[FOREST])
        assert one.best().members == (one.tried[0],)


def test_the_first_candidate_is_never_given_up() -> None:
    one = search()
    asked = one.ask()
    one.look(asked, 1)
    assert not asked.given_up


def test_errors_of_zero_give_nobody_up() -> None:
    flat = np.full(60, 20.0)
    one = search(target=flat)
    play(one, dict.fromkeys(EVEN, 0.0), 1)
    asked = one.ask()
    asked.prices[:] = flat
    one.look(asked, INNER_FOLDS)
    assert not asked.given_up


def test_a_large_table_is_searched_on_a_part_of_it_drawn_by_the_seed() -> None:
    n = MOST_ROWS + 500
    target = np.arange(float(n))
    first, again = (search(rows=n, target=target) for _ in range(2))
    other = search("train.seed=1", rows=n, target=target)
    assert len(first.rows) == len(set(first.rows)) == MOST_ROWS
    assert first.rows.tolist() == again.rows.tolist() != other.rows.tolist()
    assert first.target.tolist() == target[first.rows].tolist()


def test_the_folds_hold_each_row_once() -> None:
    one = search()
    assert len(one.folds) == INNER_FOLDS
    held = np.sort(np.concatenate([held for _, held in one.folds]))
    assert held.tolist() == list(range(60))
    for kept, out in one.folds:
        assert not set(kept) & set(out) and len(kept) + len(out) == 60
