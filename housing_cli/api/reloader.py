"""Reloader: keeps a predictor at the version that its REF names.

A new version is loaded, verified and warmed up in a thread beside the old one, then one reference
is swapped: no request is dropped or held. What cannot be served is refused, the old version keeps
answering, and the reason stands in the metrics and in `/readyz`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from housing_cli.api.process.shared_version import SharedVersion
from housing_cli.api.served import Served, followed, load_served, same_columns, same_meaning
from housing_cli.errors import (
    HousingError,
    RegistryError,
    SchemaMismatch,
    VersionCorrupt,
    VersionUntrusted,
)
from housing_cli.prediction_log import open_log
from housing_cli.registry.audit import refusing, verify_move

if TYPE_CHECKING:
    from housing_cli.api.early import EarlyLoad
    from housing_cli.api.gatherer import Row
    from housing_cli.api.predictor import Predictor
    from housing_cli.config import Settings
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.registry import RegistryReader, Version

logger = logging.getLogger("housing.serve")

RETRY_SECONDS = 5.0
"""A refused version is tried again this often: its files may be restored."""


class Reloader:
    """Watches the alias file by `stat`, which costs 2 us, and loads what it comes to name.

    `schema_changed` is called with schema and golden rows of each version that comes into service;
    the first may be among what `early` holds.
    """

    def __init__(
        self,
        predictor: Predictor,
        registry: RegistryReader,
        settings: Settings,
        schema_changed: Callable[[FeatureSchema, Sequence[Row]], None],
        early: EarlyLoad | None = None,
    ) -> None:
        self._predictor = predictor
        self._registry = registry
        self._settings = settings
        self._schema_changed = schema_changed
        self._early = early
        self._ref = followed(settings)
        self._seen: object = None
        self._next_try = 0.0
        self._refused = ""
        self._moved = 0  # how many events the history had when what is served was pointed at
        self._shared = SharedVersion()

    def load(self) -> None:
        """Bring the version that the REF names into service, or note why not. Blocks.

        A worker that replaces another begins with what its siblings serve: what they refused to
        reload, it refuses too.
        """
        self._seen = self._registry.stamp(self._ref)
        kept, self._moved = self._shared.read()
        if kept:
            with contextlib.suppress(HousingError, OSError):
                self._swap(self._loaded(kept))
        served = self._try_load()
        if served is not None:
            self._swap(served)

    async def watch(self) -> None:
        """Follow the REF until canceled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._settings.serve.reload_seconds)
            self._predictor.metrics.flush()
            self._predictor.warnings()
            try:
                stamp = self._registry.stamp(self._ref)
                due = self._predictor.why_not_newer or self._predictor.served is None
                if stamp == self._seen and not (due and loop.time() >= self._next_try):
                    continue
                self._seen = stamp
                self._next_try = loop.time() + RETRY_SECONDS
                served = await asyncio.to_thread(self._try_load)
                if served is not None:
                    self._swap(served)
            except Exception:  # a watch that ended would pin the server to what it serves now
                logger.exception("reload_failed")

    def _try_load(self) -> Served | None:
        """Return the version to swap in; `None` when it is served already or is refused."""
        predictor = self._predictor
        try:
            name = self._registry.resolve(self._ref)
            if self._registry.trust is not None:
                self._check_move(self._registry.get(name))
            if predictor.served is not None and predictor.served.name == name:
                self._refused = ""
                predictor.settle()
                return None
            served = self._loaded(name)
            if predictor.served is not None and not same_meaning(
                served.schema, predictor.served.schema
            ):
                raise SchemaMismatch(
                    f"{name} expects other features than the served {predictor.served.name}",
                    "restart the server to serve it",
                )
        except HousingError as error:
            self._refuse(error)
            return None
        except OSError as error:
            self._refuse(RegistryError(f"the registry cannot be read: {error.strerror or error}"))
            return None
        return served

    def _check_move(self, version: Version) -> None:
        """Refuse a move of the alias that no trusted key signed, or that was signed long ago."""
        move = verify_move(self._registry, self._ref, version)
        if move is None:
            return
        if move.event < self._moved:
            raise VersionUntrusted(
                f"the signature of `{self._ref}`, which names {version.name}, is older than what "
                f"is served (event {move.event}, after {self._moved}): somebody put it back",
                "promote what shall be served; restart the server if the registry was restored",
            )
        self._moved = move.event

    def _loaded(self, name: str) -> Served:
        early, self._early = self._early, None
        return (early and early.take(name)) or load_served(self._registry, name)

    def _swap(self, served: Served) -> None:
        try:
            with refusing(served.version):
                self._take_over(served)
        except VersionCorrupt as error:
            self._refuse(error)

    def _take_over(self, served: Served) -> None:
        predictor = self._predictor
        before = predictor.served
        if before is None:
            self._adopt_columns(served)
        if before is None or before.schema != served.schema:
            self._schema_changed(served.schema, served.version.metadata.golden.inputs)
        predictor.use(served)
        self._shared.write(served.name, self._moved)
        self._refused = ""
        logger.info(
            "model_loaded",
            extra={"version": served.name, "instead_of": before.name if before else None},
        )

    def _adopt_columns(self, served: Served) -> None:
        """Let the first version decide the columns of the log: nothing was recorded before it."""
        if same_columns(served.schema, self._settings.schema()):
            return
        log = self._settings.log
        predictor = self._predictor
        predictor.close_log()
        predictor.use_log(open_log(log.url, served.schema, fsync=log.fsync))

    def _refuse(self, error: HousingError) -> None:
        self._predictor.refuse(error.message, error.hint)
        if error.message != self._refused:  # once, not at every try
            self._refused = error.message
            self._predictor.metrics.reload_refused()
            logger.warning("model_refused", extra={"ref": self._ref, "reason": error.message})
