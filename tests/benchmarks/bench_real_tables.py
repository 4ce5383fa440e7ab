"""How good the models are that `init` makes of real shapes, beside pipelines written by hand.

    python -m tests.benchmarks.bench_real_tables [--trees 300] [--rows 1500] [--shuffles 3]

For each shape `housing init` chooses the features and their kinds from the file. By hand is what
one writes in a notebook: the same columns of `pandas.read_csv`, numbers that were text parsed,
medians, one-hot columns for words with what is missing as a word, and the same forest. RMSE over
five folds, the same for both, and over some shuffles of them.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from housing_cli.config import load_settings
from housing_cli.config.settings import Model
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import read_table
from housing_cli.learning.pipeline import build_pipeline
from housing_cli.loop.init import init
from tests.tables import ames_csv, california, king_county, madrid_csv

JOBS = 2


@dataclass(frozen=True)
class Shape:
    """A kind of table: its file, its target, how a notebook reads it, which numbers are words."""

    raw: Callable[[int, int], bytes]
    target: str
    frame: Callable[[bytes], pd.DataFrame]
    words: tuple[str, ...] = ()


def _madrid(raw: bytes) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(raw), sep=";", encoding="cp1252", index_col=0)
    for name in ("superficie", "precio"):
        digits = table[name].str.replace(r"[^\d,]", "", regex=True).str.removesuffix("²")
        table[name] = digits.astype(float)
    return table


def _csv(raw: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(raw), encoding="utf-8-sig")


def _plain(made: Callable[[int, int], pd.DataFrame]) -> Callable[[int, int], bytes]:
    return lambda n, seed: made(n, seed).to_csv(index=False).encode()


SHAPES = {
    "california": Shape(_plain(california), "median_house_value", _csv),
    "ames": Shape(ames_csv, "SalePrice", _csv, ("MS SubClass",)),
    "king county": Shape(_plain(king_county), "price", _csv, ("zipcode",)),
    "madrid": Shape(madrid_csv, "precio", _madrid),
}


@contextlib.contextmanager
def _workshop() -> Iterator[Path]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)


def own_table(
    raw: bytes, target: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], FeatureSchema]:
    """Return features, target and schema as `init` and `train` make them of a file."""
    with _workshop():
        Path("t.csv").write_bytes(raw)
        init(Path("t.csv"), target)
        settings = load_settings(environ={})
        table = read_table(settings.data.path, settings.schema(), settings.data.kinds)
        return table.features, table.target, settings.learned(table.kinds).schema()


def compare(shape: Shape, rows: int, trees: int, shuffles: int) -> dict[str, float]:
    """Return the RMSE of both, over all folds of all shuffles."""
    raw = shape.raw(rows, 1)
    features, target, schema = own_table(raw, shape.target)
    table = shape.frame(raw)[list(schema.features)].reset_index(drop=True)
    names = schema.features
    words = [n for n in names if n in shape.words or not pd.api.types.is_numeric_dtype(table[n])]
    table[words] = table[words].astype("object").fillna("none").astype(str)
    numbers = [name for name in names if name not in words]
    params = {"n_estimators": trees, "max_features": 0.4}
    model = msgspec.structs.replace(Model(), params=params)
    squares = {"housing": 0.0, "by hand": 0.0}
    for seed in range(shuffles):
        for kept, held in KFold(5, shuffle=True, random_state=seed).split(features):
            own = build_pipeline(model, seed=seed, jobs=JOBS, schema=schema)
            own.fit(features[kept], target[kept])
            columns = make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), words),
                (SimpleImputer(strategy="median"), numbers),
            )
            forest = RandomForestRegressor(**params, random_state=seed, n_jobs=JOBS)
            by_hand = make_pipeline(columns, forest).fit(table.iloc[kept], target[kept])
            errors = {
                "housing": own.predict(features[held]) - target[held],
                "by hand": by_hand.predict(table.iloc[held]) - target[held],
            }
            for name, missed in errors.items():
                squares[name] += float((missed**2).sum())
    return {name: float(np.sqrt(total / rows / shuffles)) for name, total in squares.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--shuffles", type=int, default=3)
    asked = parser.parse_args()
    for name, shape in SHAPES.items():
        found = compare(shape, asked.rows, asked.trees, asked.shuffles)
        print(
            f"{name:12} RMSE {found['housing']:10,.0f}, by hand {found['by hand']:10,.0f}: "
            f"{found['housing'] / found['by hand'] - 1:+.1%}",
            flush=True,
        )
