"""The loop in one process, without a server: train, predict and label rows, judge, retrain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from housing_cli.config import Settings, load_settings
from housing_cli.loop.evaluate import evaluate
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.retrain import Retrained, retrain
from housing_cli.loop.train import train
from housing_cli.loop.verify import load_verified
from housing_cli.prediction_log import Served, open_log
from housing_cli.registry import ModelRegistry

DATA = Path(__file__).parent.parent / "data" / "HousingData.csv"
SMALL = ("model.params.n_estimators=20", "train.repeats=1", "train.jobs=1")


def shuffled(seed: int) -> pd.DataFrame:
    """Return the shipped rows in a random order."""
    return pd.read_csv(DATA).iloc[np.random.default_rng(seed).permutation(506)]


class Loop:
    """A registry, a log and a table in `folder`; v1 is trained on `known`."""

    def __init__(self, folder: Path, known: pd.DataFrame, sets: tuple[str, ...] = SMALL) -> None:
        self.folder, self.sets = folder, sets
        known.to_csv(folder / "data.csv", index=False)
        self.registry = ModelRegistry(folder / "artifacts")
        train(self.settings())

    def settings(self, **evaluate_options: object) -> Settings:
        """Return the settings, with options of `evaluate`."""
        return load_settings(
            None,
            {
                "data.path": str(self.folder / "data.csv"),
                "registry.path": str(self.folder / "artifacts"),
                "log.url": f"csv:{self.folder / 'logs'}",
                **{f"evaluate.{key}": value for key, value in evaluate_options.items()},
            },
            self.sets,
            {},
        )

    def predict(self, rows: pd.DataFrame, ref: str = "production") -> list[str]:
        """Log predictions of `ref`; return their ids."""
        version = self.registry.get(ref)
        features = rows.drop(columns="MEDV").to_numpy(dtype=float)
        prices = load_verified(self.registry, version).score(features)
        log = open_log(self.settings().log.url, self.settings().schema())
        try:
            return log.append(version.name, features.tolist(), prices.tolist())
        finally:
            log.close()

    def label(self, ids: list[str], prices: np.ndarray) -> None:
        """Send real prices."""
        log = open_log(self.settings().log.url, self.settings().schema())
        try:
            for prediction_id, price in zip(ids, prices, strict=True):
                log.feedback(prediction_id, float(price))
        finally:
            log.close()

    def live(self, rows: pd.DataFrame, factor: float | np.ndarray = 1.0) -> list[str]:
        """Predict rows and send their real prices times `factor`; return the ids."""
        ids = self.predict(rows)
        self.label(ids, rows["MEDV"].to_numpy() * factor)
        return ids

    def shadowed(self, rows: pd.DataFrame, *, factor: float = 1.0, failed: int = 0) -> list[str]:
        """Do what `live` does with a shadow on, which fails on the first `failed` rows."""
        ids = self.predict(rows)
        version = self.registry.get("shadow")
        features = rows.drop(columns="MEDV").to_numpy(dtype=float)
        prices = load_verified(self.registry, version).score(features).tolist()
        said = [None] * failed + prices[failed:]
        log = open_log(self.settings().log.url, self.settings().schema())
        try:
            log.append_served(
                [
                    Served(one, shadow_version=version.name, shadow_price=price)
                    for one, price in zip(ids, said, strict=True)
                ]
            )
        finally:
            log.close()
        self.label(ids, rows["MEDV"].to_numpy() * factor)
        return ids

    def canaried(
        self, rows: pd.DataFrame, *, share: float = 0.5, failed: int = 0, factor: float = 1.0
    ) -> list[str]:
        """Do what `live` does with a canary on, which answers the first `share` of the rows.

        It fails on the first `failed` of them: production answers those. Returns its ids.
        """
        n = round(len(rows) * share)
        own = self.predict(rows[failed:n], "canary") if n > failed else []
        missed = self.predict(rows[:failed])
        others = self.predict(rows[n:]) if n < len(rows) else []
        log = open_log(self.settings().log.url, self.settings().schema())
        try:
            log.append_served([Served(one, arm="canary") for one in (*missed, *own)])
        finally:
            log.close()
        real = rows["MEDV"].to_numpy() * factor
        for ids, part in ((missed, real[:failed]), (own, real[failed:n]), (others, real[n:])):
            self.label(ids, part)
        return [*missed, *own]

    def evaluate(self, ref: str = "production", **options: object) -> Evaluation:
        """Judge a version."""
        return evaluate(self.settings(**options), ref)

    def retrain(self, **options: bool) -> Retrained:
        """Make a challenger."""
        return retrain(self.settings(), **options)  # type: ignore[arg-type]


RIDGE = ("model.regressor=Ridge", "train.repeats=1")


def half_learned(folder: Path, known: pd.DataFrame) -> Loop:
    """Return a loop whose v1 has learned half of what the houses cost, and v2 all of it."""
    loop = Loop(folder, known.assign(MEDV=known["MEDV"] / 2), RIDGE)
    known.to_csv(folder / "data.csv", index=False)
    train(loop.settings())
    return loop
