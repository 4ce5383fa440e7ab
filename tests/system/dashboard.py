"""The states that the dashboard shows: projects, brought there by real commands and requests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.conftest import SHIPPED
from tests.system.processes import FAKETIME, Done, Server, housing, serving, wrong_clock
from tests.tables import ames

SETTINGS = "[model.params]\nn_estimators = 20\n\n[train]\nrepeats = 1\njobs = 1\n"
KNOWN, LIVE = slice(0, 300), slice(300, 506)
"""Rows of the shipped table, shuffled: what v1 learns from, and the houses that come later."""
MOVED = 1.3
LARGE = 6.2
"""Rooms; of houses with more the real prices move."""
SCRIPT = "<script>document.title = 'stolen'; window.stolen = 1</script>"
IMAGE = '<img src=x onerror="window.stolen = 1">\'"&'
KEY = "a key of operators"
JUDGED = 240_000
"""Milliseconds: `status` runs at the first look, at most once a minute, and on an idle core."""


@dataclass
class Stage:
    """A project directory, in which commands and servers run some days ago or now.

    Without libfaketime all happens now: verdicts are the same, and a chart has one day.
    behind: seconds by which all clocks of the stage are: pictures of it have the same dates.
    """

    folder: Path
    behind: float = 0.0
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        self.ago(0)

    @property
    def clock(self) -> Path:
        """Return the file that says by how much the clock is wrong."""
        return self.folder / "tmp" / "clock"

    def ago(self, days: float) -> None:
        """Set the clock of what runs `back`."""
        self.clock.write_text(f"-{days * 86_400 + self.behind:.0f}")

    def environment(self, *, back: bool = False) -> dict[str, str]:
        """Return variables; back: time is what `ago` says. What a server keeps is the stage's."""
        env = {"TMPDIR": str(self.folder / "tmp"), "LOGNAME": "ana", **self.env}
        if (back or self.behind) and FAKETIME.exists():
            env |= wrong_clock(self.clock)
        return env

    def run(self, *words: str, back: bool = False) -> Done:
        """Run a verb that works."""
        done = housing(*words, cwd=self.folder, env=self.environment(back=back))
        assert done.code == 0, done.stdout + done.stderr
        return done

    @contextmanager
    def serving(self, *words: str, back: bool = False, ready: bool = True) -> Iterator[Server]:
        """Serve what production is."""
        env = self.environment(back=back)
        with serving(self.folder, *words, env=env, ready=ready) as server:
            yield server

    def copy(self, to: Path) -> Stage:
        """Return the same once more, to be changed."""
        shutil.copytree(self.folder, to)
        return Stage(to, self.behind, dict(self.env))


def shuffled() -> pd.DataFrame:
    """Return the shipped rows in a random order."""
    return pd.read_csv(SHIPPED).iloc[np.random.default_rng(7).permutation(506)]


def predict(server: Server, rows: pd.DataFrame, target: str = "MEDV") -> list[str]:
    """Ask for the price of every row; return the ids."""
    features = rows.drop(columns=target).astype(object)
    asked = {"rows": features.where(features.notna(), None).to_dict("records")}
    answer = server.client.post("/predict/batch", json=asked)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["predictions"]]


def label(server: Server, ids: list[str], prices: pd.Series) -> None:
    """Send real prices."""
    for name, price in zip(ids, prices, strict=True):
        body = {"id": name, "real_price": float(price)}
        answer = server.client.post("/feedback", json=body)
        assert answer.status_code == 200, answer.text


def moved(rows: pd.DataFrame) -> pd.Series:
    """Return real prices of a market in which large houses cost more."""
    prices: pd.Series = rows["MEDV"] * np.where(rows["RM"] > LARGE, MOVED, 1.0)
    return prices


def traffic(
    stage: Stage,
    rows: pd.DataFrame,
    days: tuple[float, float],
    price: Callable[[pd.DataFrame], pd.Series] = lambda rows: rows["MEDV"],
) -> None:
    """Predict rows in eight parts between two times, in days ago; label each two days later."""
    parts = [rows.iloc[places] for places in np.array_split(np.arange(len(rows)), 8)]
    stage.ago(days[0])
    with stage.serving(back=True) as server:
        for day, part in zip(np.linspace(*days, 8), parts, strict=True):
            stage.ago(float(day))
            ids = predict(server, part)
            stage.ago(max(float(day) - 2, 0))
            label(server, ids, price(part))


def new(stage: Stage) -> None:
    """A project without a version."""
    _project(stage, shuffled()[KNOWN], SETTINGS)


def _project(stage: Stage, table: pd.DataFrame, settings: str) -> None:
    (stage.folder / "data").mkdir()
    (stage.folder / "configs").mkdir()
    table.to_csv(stage.folder / "data" / "HousingData.csv", index=False)
    (stage.folder / "configs" / "housing.toml").write_text(settings)


def empty(stage: Stage) -> None:
    """A version, and no prediction."""
    stage.ago(26)
    stage.run("train", "--tag", "first", back=True)


def insufficient(stage: Stage) -> None:
    """Fewer real prices than a verdict needs."""
    traffic(stage, shuffled()[LIVE][:16], (12, 3))


def healthy(stage: Stage) -> None:
    """Prices as at training."""
    traffic(stage, shuffled()[LIVE][:96], (25, 15))


def degraded(stage: Stage) -> None:
    """Lately large houses cost more."""
    traffic(stage, shuffled()[LIVE][96:160], (14, 4), moved)


def retrained(stage: Stage) -> None:
    """A challenger won, and waits."""
    stage.ago(2)
    stage.run("retrain", "--tag", "large-houses", back=True)


def promoted(stage: Stage) -> None:
    """The challenger is production, and good."""
    stage.ago(2)
    stage.run("promote", "v2", "--reason", "large houses cost more", back=True)
    stage.ago(0)
    with stage.serving() as server:
        rows = shuffled()[LIVE][160:]
        label(server, predict(server, rows), moved(rows))


def canary(stage: Stage) -> None:
    """The challenger answers a fifth."""
    stage.run("promote", "v2", "--to", "canary", "--weight", "20")
    _tried(stage)


def shadow(stage: Stage) -> None:
    """The challenger prices beside production."""
    stage.run("promote", "v2", "--to", "shadow")
    _tried(stage)


def _tried(stage: Stage) -> None:
    rows = shuffled()[LIVE][160:]
    with stage.serving() as server:
        label(server, predict(server, rows), moved(rows))
        assert server.stop() == 0  # what a shadow priced is written


def hostile(stage: Stage) -> None:
    """Markup wherever a client, a table, a person or a file may have put it."""
    rows = shuffled()[LIVE][:48].drop(columns=["CHAS"]).dropna().reset_index(drop=True)
    table = rows.rename(columns={"ZN": "<b>zone</b>", "RM": "<script>"})
    table["street"] = np.where(table.index % 3 == 0, SCRIPT, np.where(table.index % 3, "a", IMAGE))
    features = [str(name) for name in table.drop(columns="MEDV")]
    _project(stage, table, f"[data]\nfeatures = {json.dumps(features)}\n\n{SETTINGS}")
    stage.env["LOGNAME"] = IMAGE
    stage.run("train", "--tag", "first")
    stage.run("train", "--tag", "second")
    stage.run("promote", "v2", "--force", "--reason", f"why {SCRIPT}")
    stage.run("promote", "v1", "--to", "spare", "--reason", IMAGE)
    # No command writes such a tag; who may write the files can.
    file = stage.folder / "artifacts" / "versions" / "v1" / "metadata.json"
    metadata = json.loads(file.read_text())
    metadata["tag"] = SCRIPT
    file.write_text(json.dumps(metadata))
    with stage.serving() as server:
        unknown = table[:3].assign(street=f"unknown {SCRIPT}{IMAGE}")
        ids = predict(server, pd.concat([table, unknown, table[:1]]))
        label(server, ids[: len(table)], table["MEDV"])


def wide(stage: Stage) -> None:
    """Eighty columns, half of them words, and prices of six digits."""
    table = ames(460, 3)
    features = [name for name in table if name not in {"Order", "PID", "SalePrice"}]
    sections = f'[data]\ntarget = "SalePrice"\nfeatures = {json.dumps(features)}\n\n{SETTINGS}'
    _project(stage, table[:360], sections)
    stage.run("train", "--tag", "wide")
    rows = table[360:][[*features, "SalePrice"]]
    with stage.serving() as server:
        label(server, predict(server, rows, "SalePrice"), rows["SalePrice"])


def damage(stage: Stage) -> None:
    """Make the log's file another than it was."""
    file = stage.folder / "logs" / "predictions.csv"
    file.write_text(file.read_text().replace("model_version", "version", 1))


def keys(stage: Stage) -> None:
    """Keys are configured."""
    stage.env["HOUSING_API_KEYS"] = f"another,{KEY}"


@dataclass(frozen=True)
class State:
    """How a state is reached from another, and what the page says of it."""

    make: Callable[[Stage], None]
    verdict: str
    after: str = ""
    ready: bool = True


STATES: Mapping[str, State] = {
    "new": State(new, "unknown", ready=False),
    "empty": State(empty, "insufficient", "new"),
    "insufficient": State(insufficient, "insufficient", "empty"),
    "healthy": State(healthy, "healthy", "empty"),
    "degraded": State(degraded, "degraded", "healthy"),
    "retrained": State(retrained, "degraded", "degraded"),
    "promoted": State(promoted, "healthy", "retrained"),
    "canary": State(canary, "degraded", "retrained"),
    "shadow": State(shadow, "degraded", "retrained"),
    "hostile": State(hostile, "healthy"),
    "wide": State(wide, "healthy"),
    "keys": State(keys, "healthy", "healthy"),
}


class Stages:
    """Each state once, made where it is first asked for."""

    def __init__(self, folder: Path, behind: float = 0.0) -> None:
        self.folder, self.behind = folder, behind
        self._made: dict[str, Stage] = {}

    def get(self, name: str) -> Stage:
        """Return a state; it is shared, so change a copy."""
        if name not in self._made:
            state, to = STATES[name], self.folder / name
            stage = self.get(state.after).copy(to) if state.after else Stage(to, self.behind)
            state.make(stage)
            stage.ago(0)
            for judged in (to / "tmp").glob("housing-*"):
                shutil.rmtree(judged)  # what a server of the making found, if it took that long
            self._made[name] = stage
        return self._made[name]

    def copy(self, name: str, to: Path) -> Stage:
        """Return a state of one's own."""
        return self.get(name).copy(to)


def judged(page: Any, verdict: str, timeout: float = JUDGED) -> None:
    """Wait until a page says a verdict; it refreshes itself."""
    page.wait_for_selector(f'#verdict[data-verdict="{verdict}"]', timeout=timeout)


def status(stage: Stage) -> dict[str, Any]:
    """Return what `housing status --json` says."""
    data: dict[str, Any] = stage.run("status", "--json").json["data"]
    return data
