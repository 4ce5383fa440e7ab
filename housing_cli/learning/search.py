"""One search for a better model: its rows, what it has tried, and what it tries next.

It begins with a good candidate of each regressor (`spaces.STARTS`). From then on the two
regressors that lead, or vote best, take turns, and each fourth trial goes to the least tried of the
others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from housing_cli.config import Model, Settings
from housing_cli.learning.candidates import (
    Candidate,
    Choice,
    best_scores,
    chosen,
    pruned,
    rmse,
    single,
    vote,
)
from housing_cli.learning.folds import splits
from housing_cli.learning.spaces import STARTS, VOTE, basis

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import Trial

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

INNER_FOLDS: Final = 3
MOST_ROWS: Final = 6_000
"""Rows of one search, at most: which candidate is better shows in fewer rows than how good."""
GIVE_UP: Final = 0.15
"""How far behind the best on the folds so far a candidate is not fitted on the others any more."""
OTHERS_TURN: Final = 4
AT_RANDOM: Final = 10
"""Trials before Optuna has seen enough to propose one, where there is no good one to begin with."""


@dataclass(slots=True)
class Asked:
    """A candidate that is being tried.

    params: what it changes of the settings' model, or all parameters of another regressor.
    prices: (m,), out of fold, as far as they are there.
    """

    model: Model
    params: dict[str, Any]
    prices: Floats
    trial: Trial | None = None
    given_up: bool = False


@dataclass(slots=True)
class Search:
    """A search on `rows` (m,) of the table, whose prices are `target` (m,).

    folds: kept and held places in `rows`. bases: what is varied of each regressor. studies: what
    Optuna knows of each, in the order in which they are begun. tried: the settings' own model
    first.
    """

    model: Model
    votes: bool
    rows: Rows
    target: Floats
    folds: Sequence[tuple[Rows, Rows]]
    bases: Mapping[str, Model]
    spaces: Mapping[str, Mapping[str, BaseDistribution]]
    studies: Mapping[str, Study]
    tried: list[Candidate] = field(default_factory=list)

    def best(self) -> Choice:
        """Return what the search would take now; the settings' own model before its first trial."""
        if not self.tried:
            return Choice(self.model, (), np.inf)
        return chosen(self.tried, self.target, votes=self.votes)

    def ask(self) -> Asked:
        """Return the next candidate: the settings' own model, then what `studies` propose."""
        prices = np.full(len(self.rows), np.nan)
        if not self.tried:
            return Asked(self.model, {}, prices)
        regressor = self._turn()
        trial = self.studies[regressor].ask(dict(self.spaces[regressor]))
        model = with_params(self.bases[regressor], trial.params)
        own = regressor == self.model.regressor
        return Asked(model, trial.params if own else model.params, prices, trial)

    def look(self, asked: Asked, folds: int) -> None:
        """Give a candidate up that is far behind on the first `folds` folds."""
        if self.tried:
            asked.given_up = self._behind(asked, folds) > 1 + GIVE_UP

    def tell(self, asked: Asked) -> None:
        """Take a candidate in, with all its prices or given up."""
        if asked.given_up:
            # What it would come to if it went on like that: Optuna learns where not to look.
            score, prices = self._behind(asked) * single(self.tried).score, None
        else:
            score, prices = rmse(asked.prices, self.target), asked.prices
        self.tried = pruned([*self.tried, Candidate(asked.model, asked.params, score, prices)])
        if asked.trial is not None:
            self.studies[asked.model.regressor].tell(asked.trial, score)

    def _behind(self, asked: Asked, folds: int = INNER_FOLDS) -> float:
        """Return the RMSE of the candidate over that of the best, on the folds that it was in."""
        held = np.concatenate([held for _, held in self.folds[:folds]])
        held = held[~np.isnan(asked.prices[held])]
        best = single([one for one in self.tried if one.prices is not None]).members[0].prices
        assert best is not None
        reference = rmse(best[held], self.target[held])
        return rmse(asked.prices[held], self.target[held]) / reference if reference else 1.0

    def _turn(self) -> str:
        """Return the regressor that the next trial goes to."""
        count = Counter(candidate.regressor for candidate in self.tried)
        for name in self.studies:
            if not count[name]:
                return name
        leading = self._leading()
        others = [name for name in self.studies if name not in leading]
        turn = len(self.tried) - len(self.bases)
        if others and turn % OTHERS_TURN == OTHERS_TURN - 1:
            leading = others
        return min(leading, key=lambda name: count[name])

    def _leading(self) -> list[str]:
        """Return the two regressors that go on: those of the best vote, or the best, best first."""
        scores = best_scores(self.tried)
        pair = vote(self.tried, self.target) if self.votes else None
        names = [one.regressor for one in pair.members] if pair else list(self.studies)
        return sorted(names, key=lambda name: scores[name])[:2]


def begin(
    settings: Settings,
    spaces: Mapping[str, Mapping[str, BaseDistribution]],
    rows: Rows,
    target: Floats,
    groups: Rows,
) -> Search:
    """Return a search on at most `MOST_ROWS` of `rows`.

    spaces: of the regressors that are searched, in the order in which they are begun. target (n,),
    groups (n,): of the whole table; rows of a group stay in one fold.
    """
    seed, own = settings.train.seed, settings.model
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_ROWS, replace=False))
    folds = list(splits(groups[rows], INNER_FOLDS, seed))
    bases = {
        name: basis(name, own, len(target)) for name in dict.fromkeys([own.regressor, *spaces])
    }
    studies = {
        name: _study(seed, STARTS.get(name, ()) if len(spaces) > 1 else ()) for name in spaces
    }
    votes = len(spaces) > 1 and VOTE in settings.train.tune_regressors
    return Search(own, votes, rows, target[rows], folds, bases, spaces, studies)


def with_params(model: Model, params: Mapping[str, Any]) -> Model:
    """Return `model` with `params` in place of its own."""
    return msgspec.structs.replace(model, params={**model.params, **params})


def _study(seed: int, starts: Sequence[Mapping[str, Any]]) -> Study:
    """Return a study whose first trials are `starts`; without any it begins at random."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    at_random = AT_RANDOM if not starts else len(starts) + 1
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=at_random)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    for start in starts:
        study.enqueue_trial(dict(start))
    return study
