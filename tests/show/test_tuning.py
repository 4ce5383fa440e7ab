"""Ctrl-C as a stop key, and what is said of a search."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

from housing_cli.show.tuning import stop_key, tuning_notes
from housing_cli.words import WIDTH

FOUND: dict[str, Any] = {
    "params": {"max_depth": 7}, "trials": 5, "asked": 9, "stopped": True, "untuned": 3.5,
    "score": 3.25,
}  # fmt: skip
AMONG: dict[str, Any] = {
    "regressor": "VotingRegressor", "settings_regressor": "Ridge",
    "params": {"estimators": ["Ridge", "BaggingRegressor"], "Ridge__alpha": 0.5},
    "regressors": {"Ridge": 3.5, "BaggingRegressor": 3.3},
    "nested_regressors": {"VotingRegressor": 4, "Ridge": 1},
}  # fmt: skip


def test_the_first_interrupt_stops_and_the_second_aborts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_key() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_hears_no_key() -> None:
    heard: list[bool] = []

    def search() -> None:
        with stop_key() as stop:
            heard.append(stop())

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert heard == [False]


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ({}, []),
        ({"tuning": FOUND},
         ["note: 5 of 9 trials, stopped: inner RMSE 3.5 -> 3.25\n  max_depth=7"]),
        ({"tuning": FOUND | {"params": {}, "stopped": False}},
         ["note: 5 of 9 trials: nothing better than the settings' parameters"]),
        ({"tuning": FOUND | {"params": {}, "stopped": False, "trials": 1, "asked": 1}},
         ["note: 1 of 1 trial: nothing better than the settings' parameters"]),
        ({"tuning": {"params": {"max_depth": 7}, "inherited_from": "v1"}},
         ["note: keeps what v1 was tuned to\n  max_depth=7"]),
        ({"tuning": {"params": {"alpha": 2.0, "solver": "svd", "copy_X": True},
                     "inherited_from": "v1", "regressor": "Ridge", "settings_regressor": "Lasso"}},
         ["note: keeps what v1 was tuned to\n  Ridge: alpha=2, solver=svd, copy_X=True"]),
        ({"tuning": FOUND | AMONG},
         ["note: 5 of 9 trials, stopped: inner RMSE 3.5 -> 3.25\n"
          "  VotingRegressor of\n  Ridge: alpha=0.5\n  BaggingRegressor",
          "note: best of each, inner RMSE\n  BaggingRegressor 3.3\n  Ridge 3.5",
          "note: the baseline is of searches of its own, one in each fold, which chose\n"
          "  VotingRegressor 4\n  Ridge 1"]),
    ],
)  # fmt: skip
def test_what_is_said_of_a_search(evidence: dict[str, Any], said: list[str]) -> None:
    assert tuning_notes(evidence) == said


def test_many_parameters_are_folded() -> None:
    params = {f"parameter_{k}": 0.5 for k in range(9)}
    (note,) = tuning_notes({"tuning": FOUND | {"params": params}})
    assert max(map(len, note.splitlines())) <= WIDTH
    assert note.count("=0.5") == 9
