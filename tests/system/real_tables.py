"""The loop on a table of someone's own: init, train, serve, ask, label, judge, retrain."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.system.processes import Done, Server, housing, serving

SMALL = {"HOUSING_MODEL_PARAMS": "{n_estimators = 10}", "HOUSING_TRAIN_REPEATS": "1"}
"""A model that is fitted in a moment."""
MOVED = 1.3
"""What real prices are of those that the table would say, once they moved."""


@dataclass(frozen=True)
class Bench:
    """A directory with one table in it, in which commands run."""

    folder: Path
    env: Mapping[str, str]

    def run(self, *words: str | Path) -> Done:
        """Run one verb."""
        return housing(*words, cwd=self.folder, env=self.env)

    def done(self, *words: str | Path) -> dict[str, Any]:
        """Run a verb that works; return the `data` of its `--json`."""
        ran = self.run(*words, "--json")
        assert ran.code == 0, ran.stdout + ran.stderr
        data: dict[str, Any] = ran.json["data"]
        return data

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Serve what production is."""
        with serving(self.folder, env=self.env) as server:
            yield server


def began(folder: Path, file: str, raw: bytes, target: str, **env: str) -> tuple[Bench, Done]:
    """Write the table and its settings; train by the command that `init` prints."""
    bench = Bench(folder, {**SMALL, **env})
    (folder / file).write_bytes(raw)
    asked = bench.run("init", file)
    assert asked.code == 64
    command = asked.stderr.split("`")[-2]
    assert shlex.split(command) == ["housing", "init", file, "--target", target]
    made = bench.run(*shlex.split(command)[1:])
    assert made.code == 0, made.stderr
    assert max(map(len, made.stdout.splitlines())) <= 80
    following = made.stderr.splitlines()[-1].removeprefix("next: housing ")
    trained = bench.run(*shlex.split(following))
    assert trained.code == 0, trained.stderr
    return bench, made


def requests_of(table: pd.DataFrame, features: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows as a client sends them, what is missing as `null`."""
    found: list[dict[str, Any]] = json.loads(table[list(features)].to_json(orient="records"))
    return found


def is_explained(server: Server, row: dict[str, Any], version: str) -> None:
    """Check that what each feature of a row adds, in the row's own words, makes up its price."""
    asked = server.client.post("/explain", json=row)
    assert asked.status_code == 200, asked.text
    told = asked.json()
    assert (told["model_version"], told["exact"]) == (version, True)
    assert {one["feature"]: one["value"] for one in told["contributions"]} == row
    if told["scale"] == "log":
        whole = told["base"] * math.prod(one["factor"] for one in told["contributions"])
    else:
        whole = told["base"] + sum(one["contribution"] for one in told["contributions"])
    assert whole == pytest.approx(told["predicted_price"], rel=1e-6)


def the_loop_closes(
    bench: Bench, rows: Sequence[dict[str, Any]], prices: Sequence[float]
) -> list[dict[str, Any]]:
    """Ask for each row, label it with a price that moved, judge, retrain; return the answers."""
    with bench.serving() as server:
        single = server.client.post("/predict", json=rows[0])
        assert single.status_code == 200, single.text
        is_explained(server, rows[0], "v1")
        asked = server.client.post("/predict/batch", json={"rows": list(rows)})
        assert asked.status_code == 200, asked.text
        answers: list[dict[str, Any]] = asked.json()["predictions"]
        assert answers[0]["predicted_price"] == single.json()["predicted_price"]
        said = server.client.post("/explain", json=rows[0])
        assert said.status_code == 200, said.text
        parts = {one["feature"]: one["contribution"] for one in said.json()["contributions"]}
        assert parts.keys() == rows[0].keys()
        total = said.json()["base"] + sum(parts.values())
        assert total == pytest.approx(single.json()["predicted_price"], rel=1e-5)
        for answer, price in zip(answers, prices, strict=True):
            body = {"id": answer["id"], "real_price": price * MOVED}
            labeled = server.client.post("/feedback", json=body)
            assert labeled.status_code == 200, labeled.text
        assert server.client.get("/metrics").status_code == 200
        assert server.client.get("/openapi.json").status_code == 200
        judged = bench.run("evaluate", "--json")
        assert judged.json["data"]["verdict"] == "degraded", judged.stdout
        assert (judged.code, judged.json["data"]["n"]) == (2, len(rows))
        made = bench.done("retrain", "--promote")
        assert (made["version"], made["promoted"]) == ("v2", True)
        server.wait_for(lambda: server.client.get("/version").json()["version"] == "v2", timeout=5)
        again = server.client.post("/predict", json=rows[0]).json()
        assert again["model_version"] == "v2"
        is_explained(server, rows[1], "v2")
    return answers


def off(answers: Sequence[dict[str, Any]], prices: Sequence[float]) -> float:
    """Return the mean error of prices, relative to the real ones."""
    pairs = zip(answers, prices, strict=True)
    return sum(abs(float(one["predicted_price"]) / price - 1) for one, price in pairs) / len(prices)


def priced(bench: Bench, file: str) -> pd.Series:
    """Price the whole file by `housing predict`; return the prices."""
    ran = bench.run("predict", file, "--out", "priced.csv")
    assert ran.code == 0, ran.stderr
    table = pd.read_csv(
        bench.folder / "priced.csv", sep=None, engine="python", encoding="utf-8-sig"
    )
    return table["predicted_price"]
