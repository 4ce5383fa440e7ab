"""What is tried beside production: what `status` tells of it."""

from __future__ import annotations

from dataclasses import dataclass

from housing_cli.config import Settings
from housing_cli.errors import HousingError
from housing_cli.loop.canary import judge_canary
from housing_cli.loop.shadow import judge_shadow
from housing_cli.registry import ModelRegistry
from housing_cli.registry.names import CANARY
from housing_cli.registry.trials import TRIALS


@dataclass(frozen=True, slots=True)
class TrialStatus:
    """A trial and its verdict; `verdict` is `None` where `problem` says why there is none.

    weight: percent of the rows that it answers. n: labels that the verdict rests on.
    """

    alias: str
    version: str
    since: str | None
    weight: float
    verdict: str | None
    n: int
    problem: str = ""

    @property
    def command(self) -> str:
        """Return what says more, or is next: the words after `housing`."""
        return "promote shadow" if self.verdict == "better" else f"evaluate --{self.alias}"


def trials_of(settings: Settings, registry: ModelRegistry) -> tuple[TrialStatus, ...]:
    """Return the shadow and the canary, where there are any; a broken one hides nothing."""
    there = registry.aliases()
    return tuple(_trial(settings, registry, alias) for alias in TRIALS if alias in there)


def _trial(settings: Settings, registry: ModelRegistry, alias: str) -> TrialStatus:
    name = registry.aliases().get(alias, "")
    since, weight = None, 0.0
    try:
        trial = registry.trial(alias)
        if trial is not None:
            since, weight = trial.since, trial.weight
        if alias == CANARY:
            canary = judge_canary(settings)
            return TrialStatus(alias, name, since, weight, canary.verdict, canary.quality.n)
        shadow = judge_shadow(settings)
        return TrialStatus(alias, name, since, weight, shadow.verdict, shadow.n)
    except HousingError as error:
        return TrialStatus(alias, name, since, weight, None, 0, error.message)
