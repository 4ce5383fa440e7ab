"""`housing train --tune N`: a search that never sees what it is measured on, and that can stop."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from housing_cli import __version__
from housing_cli.config import Model, Settings, load_settings
from housing_cli.data.table import Table, read_table
from housing_cli.errors import ConfigError, DataError
from housing_cli.judging import gate
from housing_cli.learning.fitting import measure, outer_splits
from housing_cli.learning.pipeline import BLENDS, SUPPORTED, build_pipeline
from housing_cli.learning.search import with_params
from housing_cli.learning.spaces import SPACES, searched, space_of
from housing_cli.learning.tuning import Tuned, inherited, tune
from housing_cli.loop.train import train
from housing_cli.registry import ModelRegistry
from tests.conftest import SHIPPED, Housing
from tests.in_process import SMALL, Loop, shuffled
from tests.system.processes import HOUSING, environment

pytestmark = pytest.mark.slow

TREE = '[model]\nregressor = "DecisionTreeRegressor"\n[model.params]\nmax_depth = 2\n'
FEW = ("train.repeats=1", "train.folds=2", "train.jobs=2")


@pytest.fixture
def base(tmp_path: Path) -> Callable[..., Settings]:
    """Make the settings of a decision tree that is too shallow."""
    (tmp_path / "tree.toml").write_text(TREE)

    def settings(*sets: str) -> Settings:
        paths = {"data.path": str(SHIPPED), "registry.path": str(tmp_path / "artifacts")}
        return load_settings(tmp_path / "tree.toml", paths, (*FEW, *sets), {})

    return settings


@pytest.fixture(scope="module")
def table() -> Table:
    return read_table(SHIPPED, load_settings(environ={}).schema())


def told(found: Tuned) -> tuple[object, ...]:
    return found.model, list(found.outer), found.evidence["scores"]


def test_the_search_is_seeded_and_no_worse_than_the_settings(
    base: Callable[..., Settings], table: Table
) -> None:
    first = tune(base("train.tune=11"), table.features, table.target)
    again = tune(base("train.tune=11", "train.jobs=1"), table.features, table.target)
    other = tune(base("train.tune=11", "train.seed=1"), table.features, table.target)
    assert told(first) == told(again) != told(other)
    evidence = first.evidence
    assert (evidence["trials"], evidence["stopped"], evidence["nested_in"]) == (11, False, 2)
    assert evidence["score"] == pytest.approx(min(evidence["scores"]))  # type: ignore[call-overload]
    assert evidence["score"] < 0.9 * evidence["untuned"]  # type: ignore[operator]


def test_where_nothing_is_better_the_settings_stay(
    base: Callable[..., Settings], table: Table
) -> None:
    settings = base("model.params.max_depth=7", "model.params.min_samples_leaf=4", "train.tune=1")
    found = tune(settings, table.features, table.target)
    assert found.evidence["score"] <= found.evidence["untuned"]  # type: ignore[operator]
    worse = found.evidence["score"] == found.evidence["untuned"]
    assert (found.model == settings.model) == worse == (found.evidence["params"] == {})


def test_what_a_fold_is_measured_on_has_no_say_in_its_search(
    base: Callable[..., Settings], table: Table
) -> None:
    settings = base("train.tune=11")
    found = tune(settings, table.features, table.target)
    rng = np.random.default_rng(0)
    for k, (_, _, held) in enumerate(outer_splits(settings, np.arange(len(table.target)))):
        features, target = table.features.copy(), table.target.copy()
        features[held], target[held] = rng.normal(size=features[held].shape), 1e4
        poisoned = tune(settings, features, target)
        assert poisoned.outer[k] == found.outer[k]
        assert poisoned.evidence["scores"] != found.evidence["scores"]


def test_the_baseline_is_that_of_the_models_that_the_folds_found(
    base: Callable[..., Settings], table: Table
) -> None:
    settings = base("train.tune=4")
    found = tune(settings, table.features, table.target)
    metadata = train(settings).version.metadata
    prices = measure(settings, table.features, table.target, models=found.outer).prices
    assert metadata.metrics["rmse"] == gate.metrics(table.target, prices[0])["rmse"]
    assert metadata.evidence["tuning"] == found.evidence
    params = found.evidence["params"]
    assert isinstance(params, dict) and params.items() <= metadata.parameters.items()
    assert "optuna" in metadata.libraries


@pytest.mark.parametrize("rounds", [0, 1, 6])
def test_a_stopped_search_is_one_that_was_asked_for_fewer_trials(
    base: Callable[..., Settings], table: Table, rounds: int
) -> None:
    steps: list[tuple[str, int, int]] = []

    def stop_key() -> AbstractContextManager[Callable[[], bool]]:
        return nullcontext(lambda: len(steps) >= rounds)

    def progress(*step: object) -> None:
        steps.append(step)  # type: ignore[arg-type]

    settings = base("train.tune=500")
    found = tune(settings, table.features, table.target, progress, stop_key)
    assert steps == [("trials", done, 500) for done in range(rounds)]
    assert found.evidence["stopped"] and found.evidence["trials"] == max(rounds - 1, 0)
    if rounds > 1:
        whole = tune(base(f"train.tune={rounds - 1}"), table.features, table.target)
        assert told(found) == told(whole)
    else:
        assert found.model == settings.model and found.evidence["params"] == {}


def test_too_few_rows_are_said(base: Callable[..., Settings], table: Table) -> None:
    with pytest.raises(DataError, match="8 rows are too few to tune on"):
        tune(base("train.tune=1"), table.features[:8], table.target[:8])


@pytest.mark.parametrize("name", sorted(SUPPORTED))
def test_every_regressor_has_a_space_or_says_that_it_has_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "s.toml").write_text(f'[model]\nregressor = "{name}"\n[model.params]\n')
    model = load_settings(tmp_path / "s.toml", {}, (), {}).model
    if name in {"LinearRegression", *BLENDS}:
        with pytest.raises(ConfigError, match=f"{name} has nothing to tune"):
            searched(model, (), 40)
        return
    assert searched(model, (), 40) == [name]
    assert set(space_of(name)) == set(SPACES[name])
    rng = np.random.default_rng(0)
    features, target = rng.normal(size=(40, 4)), rng.normal(size=40)
    for bound in (1, 2):  # both ends of the space can be fitted
        params = {key: spec[bound] for key, spec in SPACES[name].items()}
        build_pipeline(with_params(model, params), seed=0, jobs=1).fit(features, target)


def test_a_tuned_champion_hands_its_parameters_down(tmp_path: Path) -> None:
    rows = shuffled(7)
    alone = "train.tune_regressors=RandomForestRegressor"
    sets = (*SMALL, "train.folds=2", "model.params.max_depth=1", "train.tune=2", alone)
    loop = Loop(tmp_path, rows[:300], sets)
    tuning = loop.registry.get("v1").metadata.evidence["tuning"]
    assert tuning["params"]["max_depth"] > 1
    loop.live(rows[300:380])
    loop.retrain(promote=True, force=True)
    loop.live(rows[380:420])
    loop.retrain(force=True)
    for name in ("v2", "v3"):
        metadata = loop.registry.get(name).metadata
        assert tuning["params"].items() <= metadata.parameters.items()
        assert metadata.evidence["tuning"] == {**tuning, "inherited_from": "v1"}


def test_a_champion_of_another_regressor_hands_that_down(tmp_path: Path) -> None:
    rows = shuffled(7)
    loop = Loop(tmp_path, rows[:120], (*SMALL, "train.folds=2", "train.tune=3"))
    champion = loop.registry.get("v1").metadata
    tuning = champion.evidence["tuning"]
    assert champion.regressor == tuning["regressor"] != tuning["settings_regressor"]
    loop.live(rows[120:200])
    challenger = loop.retrain(force=True).version.metadata
    assert (challenger.regressor, challenger.parameters) == (
        champion.regressor,
        champion.parameters,
    )
    loop.sets = (*SMALL[1:], "train.folds=2", "model.regressor=Ridge")
    assert loop.retrain(force=True).version.metadata.regressor == "Ridge"


@pytest.mark.parametrize(
    ("named", "champion", "found", "made"),
    [
        ("Ridge", "Ridge", {"alpha": 2.0}, {"solver": "svd", "alpha": 2.0}),
        ("Ridge", "Lasso", {"alpha": 2.0}, {"alpha": 2.0}),
        (
            "VotingRegressor",
            "VotingRegressor",
            {"estimators": ["Ridge"]},
            {"estimators": ["Ridge"]},
        ),
    ],
)
def test_what_a_challenger_is_made_with(
    named: str, champion: str, found: dict[str, Any], made: dict[str, Any]
) -> None:
    settings = Settings(model=Model(named, {"solver": "svd"}, "mean"))
    evidence = {"tuning": {"params": found, "regressor": champion, "settings_regressor": named}}
    given, kept = inherited(settings, "v1", champion, evidence)
    assert given.model == Model(champion, made, "mean")
    assert kept == {"tuning": {"inherited_from": "v1", **evidence["tuning"]}}
    elsewhere = Settings(model=Model("ElasticNet", {}))
    assert inherited(elsewhere, "v1", champion, evidence) == (elsewhere, {})


@pytest.fixture(scope="module")
def among(table: Table) -> tuple[Settings, Table, Tuned]:
    """A search among regressors on a part of the table."""
    few = Table(table.features[::4], table.target[::4], table.path, table.sha256, {})
    settings = load_settings(None, {}, (*FEW, "train.tune=4"), {})
    return settings, few, tune(settings, few.features, few.target)


def test_the_search_chooses_among_regressors(among: tuple[Settings, Table, Tuned]) -> None:
    settings, few, found = among
    evidence = found.evidence
    assert list(evidence["regressors"]) == list(settings.train.tune_regressors[:-1])  # type: ignore[call-overload]
    assert evidence["regressor"] == found.model.regressor != settings.model.regressor
    assert evidence["params"] == found.model.params
    assert evidence["score"] < evidence["untuned"]  # type: ignore[operator]
    chosen = [model.regressor for model in found.outer]
    assert evidence["nested_regressors"] == {name: chosen.count(name) for name in set(chosen)}
    one_thread = msgspec.structs.replace(
        settings, train=msgspec.structs.replace(settings.train, jobs=1)
    )
    assert told(tune(one_thread, few.features, few.target)) == told(found)


def test_its_folds_are_measured_on_what_they_did_not_choose_by(
    among: tuple[Settings, Table, Tuned],
) -> None:
    settings, few, found = among
    rng = np.random.default_rng(0)
    for k, (_, _, held) in enumerate(outer_splits(settings, np.arange(len(few.target)))):
        features, target = few.features.copy(), few.target.copy()
        features[held], target[held] = rng.normal(size=features[held].shape), 1e4
        assert tune(settings, features, target).outer[k] == found.outer[k]


def test_a_search_ends_when_its_minutes_are_over(
    base: Callable[..., Settings], table: Table
) -> None:
    found = tune(base("train.tune=500", "train.tune_minutes=0.02"), table.features, table.target)
    assert found.evidence["stopped"] and 0 < found.evidence["trials"] < 500  # type: ignore[operator]


def test_few_rows_and_constant_columns_are_searched_too(table: Table) -> None:
    n, features = 30, table.features[:30].copy()
    features[:, 1], features[:, 2] = 5.0, np.nan
    settings = load_settings(None, {}, (*FEW, "train.tune=4"), {})
    found = tune(settings, features, table.target[:n])
    prices = measure(settings, features, table.target[:n], models=found.outer).prices
    assert np.isfinite(prices).all() and found.evidence["trials"] == 4


def test_an_untuned_champion_hands_nothing_down(tmp_path: Path) -> None:
    rows = shuffled(8)
    loop = Loop(tmp_path, rows[:300], (*SMALL, "train.folds=2"))
    loop.live(rows[300:380])
    loop.sets = (*loop.sets, "model.params.max_depth=4", "train.tune=3")
    metadata = loop.retrain(force=True).version.metadata
    assert metadata.parameters["max_depth"] == 4
    assert "tuning" not in metadata.evidence


@pytest.mark.parametrize("word", ["-1", "x", "1.5", "10001"])
def test_what_is_no_number_of_trials_is_a_usage_error(housing: Housing, word: str) -> None:
    ran = housing("train", "--tune", word)
    assert ran.code == 64
    assert "`--tune`" in ran.stderr
    assert "hint:" in ran.stderr


def test_the_command_says_what_was_found(housing: Housing, workshop: Path) -> None:
    (workshop / "tree.toml").write_text(TREE)
    words = ["train", "--config", "tree.toml", "--data-path", SHIPPED, "--set", "train.repeats=1"]
    ran = housing(*words, "--tune", "3", "--json")
    assert ran.code == 0
    assert ran.json["data"]["tuning"]["trials"] == 3
    assert re.search(r"note: 3 of 3 trials: inner RMSE .* -> .*\n  max_depth=", ran.stderr)
    assert housing(*words, "--tune", "0", "--json").json["data"]["tuning"] is None


def test_without_optuna_it_is_said_before_anything_runs(
    housing: Housing, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith("optuna.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    ran = housing("train", "--data-path", SHIPPED, "--tune", "3")
    assert ran.code == 1
    assert ran.stderr == (
        "error: `--tune` needs Optuna, which is not installed\nhint: pip install '.[tune]' in the "
        f"clone, or 'housing_loop-{__version__}-py3-none-any.whl[tune]'\n"
    )


class OnATerminal:
    """A real `housing`, its stderr on a terminal."""

    def __init__(self, workshop: Path, words: list[str]) -> None:
        self.screen, terminal = pty.openpty()
        self.seen = ""
        self.process = subprocess.Popen(
            [*HOUSING, *words],
            cwd=workshop,
            env=environment({"TERM": "xterm", "COLUMNS": "100"}),
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            start_new_session=True,
        )
        os.close(terminal)

    def wait_for(self, pattern: str, timeout: float = 60) -> None:
        """Read the terminal until it shows `pattern`."""
        end = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            assert time.monotonic() < end, self.seen[-2000:]
            if select.select([self.screen], [], [], 0.2)[0] and not self.read():
                raise AssertionError(self.seen[-2000:])

    def read(self) -> bool:
        """Read what the terminal shows; false at its end."""
        try:
            text = os.read(self.screen, 65536).decode(errors="replace")
        except OSError:  # the other side was closed
            return False
        self.seen += text
        return bool(text)

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and stdout."""
        while self.read():
            pass
        stdout, _ = self.process.communicate(timeout=60)
        return self.process.returncode, stdout


@contextmanager
def tuning(workshop: Path, trees: int) -> Iterator[OnATerminal]:
    """A search that would take for ever, some trials after its start."""
    words = ["train", "--data-path", "table.csv", "--tune", "10000", "--json"]
    for one in (f"model.params.n_estimators={trees}", "train.repeats=1", "train.folds=2"):
        words += ["--set", one]
    command = OnATerminal(workshop, words)
    try:
        command.wait_for(r"trials.* [1-9]/10000")
        yield command
    finally:
        if command.process.poll() is None:
            os.killpg(command.process.pid, signal.SIGKILL)
            command.process.wait()
        os.close(command.screen)


@pytest.mark.usefixtures("table_file")
def test_ctrl_c_goes_on_with_the_best_so_far(workshop: Path) -> None:
    with tuning(workshop, trees=3) as command:
        command.process.send_signal(signal.SIGINT)
        code, _ = command.end()
    assert code == 0, command.seen[-2000:]
    assert "stopping: going on with the best so far; press Ctrl-C again to abort" in command.seen
    assert re.search(r"note: \d+ of 10000 trials, stopped: ", command.seen)
    assert "Traceback" not in command.seen
    found = ModelRegistry(workshop / "artifacts").get("production").metadata.evidence["tuning"]
    assert found["stopped"] and 1 <= found["trials"] == len(found["scores"]) < 10000


@pytest.mark.usefixtures("table_file")
def test_ctrl_c_twice_aborts_and_leaves_the_registry_untouched(workshop: Path) -> None:
    with tuning(workshop, trees=500) as command:
        command.process.send_signal(signal.SIGINT)
        command.wait_for("stopping")
        command.process.send_signal(signal.SIGINT)
        code, stdout = command.end()
    assert code == 130, command.seen[-2000:]
    assert '"status": "interrupted", "exit_code": 130' in stdout
    plain = re.sub(r"\x1b\[[0-9;]*m", "", command.seen)  # without colors
    assert "error: interrupted" in plain and "Traceback" not in plain
    assert ModelRegistry(workshop / "artifacts").names() == []


@pytest.fixture
def table_file(workshop: Path) -> None:
    """A small table in the workshop."""
    (workshop / "table.csv").write_text("".join(SHIPPED.open().readlines()[:61]))
