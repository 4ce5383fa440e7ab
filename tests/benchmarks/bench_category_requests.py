"""What ten categories cost a whole `/predict`, beside ten numbers: two servers asked in turn.

python -m tests.benchmarks.bench_category_requests [--rounds 12]
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from housing_cli.config import load_settings
from housing_cli.loop.train import train
from tests.system.processes import serving

ROWS, COLUMNS, REQUESTS = 1000, 10, 400
WORDS = (0, 5, 40)


def table_of(words: int) -> pd.DataFrame:
    """Return houses with ten features: of so many words each, or numbers where there are none."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, words or 5, (ROWS, COLUMNS))
    numbers = values + rng.random(values.shape) * 0.01
    columns = {
        f"c{k}": [f"w{v}" for v in values[:, k]] if words else numbers[:, k] for k in range(COLUMNS)
    }
    price = 100 + 3 * values.sum(axis=1) + rng.normal(0, 1, ROWS)
    return pd.DataFrame(columns | {"price": price})


def trained(folder: Path, words: int) -> str:
    """Train the default forest in `folder`; return the body of a request."""
    folder.mkdir()
    table = table_of(words)
    table.to_csv(folder / "t.csv", index=False)
    features = json.dumps([f"c{k}" for k in range(COLUMNS)])
    sets = (f"data.features={features}", "data.target=price", "train.repeats=1")
    paths = {"data.path": str(folder / "t.csv"), "registry.path": str(folder / "artifacts")}
    train(load_settings(None, paths, sets, {}))
    return json.dumps(table.drop(columns="price").iloc[0].to_dict())


def median_of(connection: http.client.HTTPConnection, body: str) -> float:
    """Return the median of the seconds that a request takes."""
    taken = []
    for _ in range(REQUESTS):
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        taken.append(time.perf_counter() - start)
        assert answer.status == 200
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        asked = []
        for words in WORDS:
            body = trained(Path(folder, str(words)), words)
            url = stack.enter_context(serving(Path(folder, str(words)))).client.base_url
            asked.append((http.client.HTTPConnection(url.host, url.port), body))
        times = [[median_of(*one) for one in asked] for _ in range(rounds)]
    for place, words in enumerate(WORDS):
        p50 = statistics.median(row[place] for row in times)
        ratio = statistics.median(row[place] / row[0] for row in times)
        print(f"10 categories of {words:2} words: p50 {p50 * 1e6:6.1f} us, {ratio:.2f} times")


if __name__ == "__main__":
    main()
