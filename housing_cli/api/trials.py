"""Trials: keeps a predictor at the versions that the aliases `shadow` and `canary` name.

As the reloader does for what is served: a version is loaded, verified and warmed up in a thread,
what cannot be tried is refused with its reason, and production answers on, untouched. Where
`serve.version` is `canary`, another program splits, and this server answers all of its part with
the canary, or with production while there is none.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec

from housing_cli.api.arms import CanaryArm, Limits
from housing_cli.api.served import Served, load_served, same_meaning
from housing_cli.errors import HousingError, RegistryError, SchemaMismatch, VersionUntrusted
from housing_cli.registry.audit import verify_trial
from housing_cli.registry.names import CANARY, PRODUCTION, SHADOW
from housing_cli.registry.trials import MOST

if TYPE_CHECKING:
    from housing_cli.api.predictor import Predictor
    from housing_cli.config import Settings
    from housing_cli.registry import RegistryReader, Trial

logger = logging.getLogger("housing.serve")

RETRY_SECONDS: Final = 5.0
"""A refused version is tried again this often: its files may be restored."""


class Tried(msgspec.Struct, frozen=True):
    """What is tried beside production.

    shadow: prices every row that production answers. canary: answers its part. refused: why the
    version that an alias names is not tried, by alias.
    """

    shadow: Served | None = None
    canary: CanaryArm | None = None
    trials: dict[str, Trial] = {}
    refused: dict[str, str] = {}

    def versions(self) -> list[Served]:
        """Return what is loaded."""
        found = [self.shadow, self.canary.served if self.canary is not None else None]
        return [one for one in found if one is not None]

    def told(self, production: str | None = None) -> dict[str, Any]:
        """Return what `/version` says of both aliases; None where there is no such trial.

        production: what is served; where it was tried, that has ended.
        """
        return {alias: self._told(alias, production) for alias in (SHADOW, CANARY)}

    def warnings(self) -> list[str]:
        """Return which trials are not followed, and why."""
        found = [f"{alias} is not tried: {why}" for alias, why in self.refused.items()]
        if self.canary is not None and self.canary.guard.left:
            found.append(f"canary {self.canary.name} was left: {self.canary.guard.left}")
        return found

    def _told(self, alias: str, production: str | None) -> dict[str, Any] | None:
        trial = self.trials.get(alias)
        if trial is None and alias not in self.refused:
            return None
        if trial is not None and trial.version == production:
            return None
        arm = self.canary if alias == CANARY else None
        return {
            "version": trial.version if trial else None,
            "since": trial.since if trial else None,
            "weight": arm.weight if arm else (trial.weight if trial else None),
            "refused": self.refused.get(alias),
            "left": arm.guard.left or None if arm else None,
        }


class Trials:
    """Watches both aliases as the reloader watches its own, and loads what they come to name."""

    def __init__(self, predictor: Predictor, registry: RegistryReader, settings: Settings) -> None:
        self._predictor = predictor
        self._registry = registry
        serve = settings.serve
        self._seconds = serve.reload_seconds
        self._limits = Limits.of(serve)
        self._alone = serve.version == CANARY
        followed = serve.version == PRODUCTION
        self._aliases = [SHADOW] if followed else []
        self._aliases += [CANARY] if (followed and serve.split) or self._alone else []
        self._seen: object = None
        self._next_try = 0.0
        self._moved: dict[str, int] = {}
        self._left = ""

    def load(self) -> None:
        """Begin with what there is. Blocks."""
        if self._aliases:
            self._seen = self._state()
            self._take_over(self._loaded(Tried()))

    async def watch(self) -> None:
        """Follow the aliases until canceled."""
        if not self._aliases:
            return
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._seconds)
            try:
                self._tell_of_left()
                state = self._state()
                due = self._predictor.tried.refused and loop.time() >= self._next_try
                if state == self._seen and not due:
                    continue
                self._seen = state
                self._next_try = loop.time() + RETRY_SECONDS
                self._take_over(await asyncio.to_thread(self._loaded, self._predictor.tried))
            except Exception:  # a watch that ended would go on with a trial that was given up
                logger.exception("trials_failed")

    def _state(self) -> object:
        served = self._predictor.served
        stamps = tuple(self._registry.stamp(alias) for alias in self._aliases)
        return stamps, served and served.name, self._predictor.why_not_newer

    def _loaded(self, before: Tried) -> Tried:
        """Return what is to be tried now; what `before` holds is not loaded anew."""
        trials: dict[str, Trial] = {}
        refused: dict[str, str] = {}
        found: dict[str, Served] = {}
        known = {one.name: one for one in before.versions()}
        for alias in self._aliases:
            try:
                trial = self._registry.trial(alias)
                arriving = None
                if trial is None and alias == CANARY:  # a shadow answers nobody
                    arriving = self._arriving(before.trials.get(alias))
                if arriving is not None and arriving.version in known:
                    trials[alias], found[alias] = arriving, known[arriving.version]
                if trial is None or self._is_production(trial):
                    continue
                trials[alias] = trial
                found[alias] = self._served(trial, known)
                known[trial.version] = found[alias]
            except HousingError as error:
                refused[alias] = error.message
            except OSError as error:
                refused[alias] = f"the registry cannot be read: {error.strerror or error}"
        arm = before.canary
        if CANARY not in found:
            arm = None
        elif arm is None or arm.trial != trials[CANARY]:
            weight = MOST if self._alone else trials[CANARY].weight
            arm = CanaryArm(trials[CANARY], found[CANARY], weight, self._limits)
        return Tried(found.get(SHADOW), arm, trials, refused)

    def _arriving(self, trial: Trial | None) -> Trial | None:
        """Return a trial that ended since its version becomes production, until it is served.

        Else whoever was in the canary's part would be answered by the version before once more.
        """
        if trial is None or self._predictor.why_not_newer or self._is_production(trial):
            return None
        arriving = self._registry.resolve(PRODUCTION) == trial.version
        return trial if arriving else None

    def _is_production(self, trial: Trial) -> bool:
        served = self._predictor.served
        return served is not None and served.name == trial.version

    def _served(self, trial: Trial, known: dict[str, Served]) -> Served:
        version = self._registry.get(trial.version)
        move = verify_trial(self._registry, trial, version)
        if move is not None:
            if move.event < self._moved.get(trial.alias, 0):
                raise VersionUntrusted(
                    f"the signature of `{trial.alias}`, which names {trial.version}, is older than "
                    "what was tried before: somebody put it back",
                    "promote what shall be tried anew",
                )
            self._moved[trial.alias] = move.event
        production = self._predictor.served
        if production is None:
            raise RegistryError("no version is served that it could stand beside")
        if not same_meaning(version.metadata.schema, production.schema):
            raise SchemaMismatch(f"{version.name} expects other features than {production.name}")
        return known.get(trial.version) or load_served(self._registry, trial.version)

    def _take_over(self, tried: Tried) -> None:
        before = self._predictor.tried
        self._predictor.try_out(tried)
        for alias in self._aliases:
            now, was = tried.trials.get(alias), before.trials.get(alias)
            why = tried.refused.get(alias)
            if why != before.refused.get(alias) and why:
                logger.warning("trial_refused", extra={"alias": alias, "reason": why})
            elif now != was and now is not None:
                told = {"alias": alias, "version": now.version, "weight": now.weight}
                logger.info("trial_followed", extra=told)
            elif now is None and was is not None:
                logger.info("trial_ended", extra={"alias": alias, "version": was.version})

    def _tell_of_left(self) -> None:
        """Say once that the canary was left; the history is no server's to write."""
        arm = self._predictor.tried.canary
        left = f"{arm.name}: {arm.guard.left}" if arm is not None and arm.guard.left else ""
        if left != self._left:
            self._left = left
            self._predictor.metrics.left_canary(arm.name if arm and left else "")
            if arm and left:
                told = {"version": arm.name, "reason": arm.guard.left}
                logger.warning("canary_left", extra=told)
