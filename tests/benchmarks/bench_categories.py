"""What categories cost a request, and what they are worth against a pipeline written by hand.

    python -m tests.benchmarks.bench_categories [--rounds 200]

Cost: one row, read and scored, from thirteen numbers and from three numbers beside ten categories
(five words each, or forty, which are read by the target's mean), in turns; the best of all rounds,
as a ratio. Worth: RMSE on the same folds of a table like California's and of one with a category of
seventy words, beside `make_column_transformer` with one-hot columns and the same forest.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from housing_cli.api.http.bodies import Bodies
from housing_cli.config.settings import Model
from housing_cli.data.columns import ONE_HOT_MOST
from housing_cli.data.kinds import Category, Encoding, Kind, coder, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.learning.export import export_onnx
from housing_cli.learning.pipeline import build_pipeline
from housing_cli.model.compiled import CompiledModel
from tests.tables import california

NAMES = tuple(f"f{number}" for number in range(13))
ROWS = 800
CALLS = 50


class Case:
    """A model of 300 trees and bodies for it; words: of each of its ten categories, 0: none."""

    def __init__(self, words: int) -> None:
        rng = np.random.default_rng(0)
        kinds: dict[str, Kind] = {}
        features = rng.normal(size=(ROWS, len(NAMES)))
        encoding: Encoding = "one-hot" if words <= ONE_HOT_MOST else "target"
        for name in NAMES[3:] if words else ():
            words_of = vocabulary(f"{name} {k}" for k in range(words))
            kinds[name] = Category(words_of, encoding)
            codes = np.array(list(words_of.values()), dtype=np.float64)
            features[:, NAMES.index(name)] = rng.choice(codes, ROWS)
        target = 30 + features[:, :3].sum(axis=1) + features[:, 3:].sum(axis=1) % 7
        self.schema = FeatureSchema(NAMES, "y", {}, kinds)
        model = Model("RandomForestRegressor", {"n_estimators": 300, "max_features": 0.4})
        pipeline = build_pipeline(model, seed=1, jobs=2, schema=self.schema).fit(features, target)
        self.model = CompiledModel(export_onnx(pipeline, len(NAMES)), len(NAMES))
        self.read = Bodies(self.schema).row
        self.bodies = [json.dumps(self._row(row)).encode() for row in features[:CALLS]]

    def _row(self, row: np.ndarray) -> dict[str, object]:
        words = {
            name: {code: word for word, code in kind.codes.items()}
            for name, kind in self.schema.kinds.items()
            if isinstance(kind, Category)
        }
        return {
            name: words[name][int(value)] if name in words else value
            for name, value in zip(NAMES, row.tolist(), strict=True)
        }

    def seconds(self) -> float:
        """Return the time of a row, in seconds."""
        begun = time.perf_counter()
        for body in self.bodies:
            read = self.read(body)
            assert read is not None
            self.model.score_few([read[0]])
        return (time.perf_counter() - begun) / len(self.bodies)


def cost(rounds: int) -> None:
    cases = {words: Case(words) for words in (0, 5, 40)}
    best = dict.fromkeys(cases, np.inf)
    for _ in range(rounds):
        for words, case in cases.items():
            best[words] = min(best[words], case.seconds())
    for words, seconds in best.items():
        print(
            f"10 categories of {words:2} words: {seconds * 1e6:6.1f} us to read and score a row, "
            f"{seconds / best[0]:.2f} times"
        )


def zipped(n: int, seed: int) -> pd.DataFrame:
    """Return California's shape with seventy places instead of five words."""
    rng = np.random.default_rng(seed)
    table = california(n, seed)
    places = rng.integers(0, 70, n)
    worth = rng.normal(0, 40_000, 70)
    table["ocean_proximity"] = [f"9{place:04}" for place in places]
    table["median_house_value"] = (table["median_house_value"] + worth[places]).clip(15_000)
    return table


def worth(table: pd.DataFrame, name: str) -> None:
    target = table.pop("median_house_value").to_numpy()
    word = "ocean_proximity"
    kind = Category(vocabulary(table[word]))
    few = len(kind.codes) <= ONE_HOT_MOST
    kind = Category(kind.codes, "one-hot" if few else "target")
    schema = FeatureSchema(tuple(map(str, table.columns)), "y", {}, {word: kind})
    features = table.copy()
    features[word] = [coder(kind)(value) for value in table[word]]
    rows = features.to_numpy(dtype=float)
    squares = {"housing": 0.0, "by hand": 0.0}
    model = Model("RandomForestRegressor", {"n_estimators": 100})
    for kept, held in KFold(5, shuffle=True, random_state=0).split(rows):
        own = build_pipeline(model, seed=1, jobs=2, schema=schema).fit(rows[kept], target[kept])
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), [word]), remainder=SimpleImputer()
        )
        forest = RandomForestRegressor(n_estimators=100, random_state=1, n_jobs=2)
        by_hand = make_pipeline(columns, forest).fit(table.iloc[kept], target[kept])
        squares["housing"] += ((own.predict(rows[held]) - target[held]) ** 2).sum()
        squares["by hand"] += ((by_hand.predict(table.iloc[held]) - target[held]) ** 2).sum()
    rmse = {key: np.sqrt(total / len(rows)) for key, total in squares.items()}
    print(
        f"{name}: RMSE {rmse['housing']:,.0f}, by hand {rmse['by hand']:,.0f}: "
        f"{rmse['housing'] / rmse['by hand'] - 1:+.1%}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    cost(parser.parse_args().rounds)
    worth(california(3000, 1), "five words")
    worth(zipped(3000, 1), "seventy words")
