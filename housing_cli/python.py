"""The Python API: what `import housing_cli` gives to a notebook or a script.

    import housing_cli

    model = housing_cli.load("production")
    prices = model.predict(houses)      # a pandas DataFrame, by the names of its columns
    rows = housing_cli.log()            # predictions, with the real prices that came in
    judged = housing_cli.evaluate()     # what `housing evaluate --json` prints

Settings come from where the command takes them: `configs/housing.toml`, or the file `config`, and
`HOUSING_*` variables; `settings` lays dotted keys over them: `{"registry.path": "artifacts"}`.
Failures are `housing_cli.errors.HousingError`; their hint is a note of the exception.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from housing_cli.errors import HousingError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from housing_cli.api.served import Served
    from housing_cli.config import Settings
    from housing_cli.model.explanation import Explainer
    from housing_cli.registry import Metadata

Keys = Mapping[str, object]


@contextlib.contextmanager
def _hints() -> Iterator[None]:
    """Let what is raised show its hint, too."""
    try:
        yield
    except HousingError as error:
        if error.hint and f"hint: {error.hint}" not in getattr(error, "__notes__", ()):
            error.add_note(f"hint: {error.hint}")
        raise


class Model:
    """A version of the registry, verified, as a server of these settings would answer with it."""

    def __init__(self, served: Served, settings: Settings) -> None:
        self._served = served
        self._settings = settings
        self._refuse = settings.api.unknown_category == "refuse"
        self._explainer: Explainer | None = None

    def __repr__(self) -> str:
        tag = f", tag {self.metadata.tag!r}" if self.metadata.tag else ""
        return f"<housing_cli.Model {self.version}{tag}: {self.metadata.regressor}>"

    @property
    def version(self) -> str:
        """Return the version's name, `v3`."""
        return self._served.name

    @property
    def metadata(self) -> Metadata:
        """Return what the registry says of the version: schema, metrics, data, parameters, tag."""
        return self._served.version.metadata

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of the columns that the version needs."""
        return self._served.schema.features

    def _numbers(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the features (n, k) of a frame, and warn of words that nobody has learned."""
        from housing_cli.pricing.frames import numbers_of
        from housing_cli.show.predict import unknown_line

        numbers, unknown = numbers_of(frame, self._served.schema, refuse=self._refuse)
        for name, words in unknown.items():
            warnings.warn(unknown_line(name, words), stacklevel=3)
        return numbers

    @overload
    def predict(self, frame: pd.DataFrame, *, intervals: Literal[False] = False) -> pd.Series: ...

    @overload
    def predict(self, frame: pd.DataFrame, *, intervals: Literal[True]) -> pd.DataFrame: ...

    def predict(self, frame: pd.DataFrame, *, intervals: bool = False) -> pd.Series | pd.DataFrame:
        """Return the price of each row (n,), in the target's unit, under the frame's index.

        Columns are taken by their names, in any order; others than the features are ignored. A
        price is what `/predict` answers for the row, to the last bit. intervals: a frame with
        `predicted_price`, `lower` and `upper`. Nothing is logged. Words that the version has not
        learned are a warning, or refused as `api.unknown_category` says.

        Raises:
            DataError: columns are missing, or a row is one that `/predict` would refuse.
        """
        import numpy as np
        import pandas as pd

        from housing_cli.api.served import NOT_FINITE
        from housing_cli.errors import DataError

        with _hints():
            numbers = self._numbers(frame)
            prices, spreads = self._served.model.scored(numbers)
            if not np.isfinite(prices).all():
                row = frame.index[int(np.argmin(np.isfinite(prices)))]
                raise DataError(f"{NOT_FINITE} row {row!r}", "drop the row")
            if not intervals:
                return pd.Series(prices, index=frame.index, name="predicted_price")
            if self._served.intervals is None:
                raise DataError(
                    f"{self.version} carries no intervals", "train a version with this program"
                )
        ends = self._served.ends(prices, spreads)
        columns = {"predicted_price": prices, "lower": ends[:, 0], "upper": ends[:, 1]}
        return pd.DataFrame(columns, index=frame.index)

    def explain(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return why each row has its price: `base`, and a column for what each feature adds.

        `base` is the mean price of the training rows, and a row's values add up to its price; where
        the model predicts a logarithm they are factors, and multiply to it (`frame.attrs["scale"]`
        is `price` or `log`). Exact for trees and linear models, else sampled; 300 trees take some
        20 ms a row. Raises `DataError` as `predict`, and `NotExplained`.
        """
        import pandas as pd

        from housing_cli.api.explainer import rounded
        from housing_cli.pricing.predict import explainer

        with _hints():
            numbers = self._numbers(frame)
            if self._explainer is None:
                self._explainer = explainer(self._settings, self._served)
            found = self._explainer.explain(numbers)
        rows = [rounded(found, place) for place in range(len(frame))]
        made = pd.DataFrame(rows, index=frame.index, columns=["base", *self.features])
        made.attrs["scale"] = found.scale
        return made.astype(float)


def load(
    ref: str = "production",
    *,
    config: str | Path | None = None,
    settings: Keys | None = None,
) -> Model:
    """Return the version that REF names: `v3`, `latest`, an alias or a unique tag.

    Its hashes and golden rows are checked; nothing is unpickled. Raises `VersionNotFound`,
    `VersionCorrupt`.
    """
    from housing_cli.config import load_settings
    from housing_cli.pricing.predict import load as load_version

    with _hints():
        known = load_settings(config, settings)
        return Model(load_version(known, ref), known)


def log(
    *,
    version: str | None = None,
    newest: int | None = None,
    since: datetime | None = None,
    config: str | Path | None = None,
    settings: Keys | None = None,
) -> pd.DataFrame:
    """Return the predictions of the log, oldest first, with the real prices that came in.

    Columns: `id`, `timestamp`, `model_version`, the features, `predicted_price`, `real_price` and
    `labeled_at`, the last two missing where there is no price yet; words, days, yes and no as such,
    times in UTC. A feature of one of the last two names has it, and the price `housing_` before
    its own. version: of that one alone. newest: so many of the newest. since: predicted at or
    after it (with a time zone). Raises `LogError`.
    """
    from housing_cli.config import load_settings
    from housing_cli.pricing.logged import logged

    with _hints():
        return logged(load_settings(config, settings), version, newest, since)


@dataclass(frozen=True, slots=True)
class Judgment:
    """What `housing evaluate` says of a version, with the names that `--json` has.

    baseline, current: the metric at training, and of the recent rows; ratio: current / baseline,
    `interval` its interval. n: how many labeled rows. data: all that `--json` prints as `data`.
    """

    version: str
    verdict: Literal["healthy", "degraded", "insufficient"]
    metric: str
    n: int
    baseline: float
    current: float | None
    ratio: float | None
    threshold: float
    interval: tuple[float, float] | None
    window: str
    reasons: tuple[str, ...]
    data: Mapping[str, Any]


def evaluate(
    ref: str = "production",
    *,
    threshold: float | None = None,
    window: str | int | None = None,
    min_samples: int | None = None,
    metric: str | None = None,
    confidence: float | None = None,
    budget: float | None = None,
    drift: bool = False,
    config: str | Path | None = None,
    settings: Keys | None = None,
) -> Judgment:
    """Judge a version on its own recent predictions whose real prices came in.

    The arguments are the options of `housing evaluate`, and so are their defaults. Raises
    `VersionNotFound`, `LogError`.
    """
    from housing_cli.config import load_settings
    from housing_cli.loop.advice import advised
    from housing_cli.loop.evaluate import evaluate as judge
    from housing_cli.show.evaluate import result_of

    options = {
        "evaluate.threshold": threshold,
        "evaluate.window": window,
        "evaluate.min_samples": min_samples,
        "evaluate.metric": metric,
        "evaluate.confidence": confidence,
        "evaluate.false_alarms_per_year": budget,
    }
    with _hints():
        known = load_settings(config, {**(settings or {}), **options})
        judged = judge(known, ref, drift_decides=drift)
        data = result_of(advised(load_settings(config, settings), judged)).data
    names = Judgment.__dataclass_fields__.keys() - {"data", "reasons"}
    return Judgment(
        **{name: data[name] for name in names}, reasons=tuple(data["reasons"]), data=data
    )
