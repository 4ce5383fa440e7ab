"""From a table to a registered version: its files, its metadata, and what was noticed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pytest
import threadpoolctl
from sklearn.ensemble import HistGradientBoostingRegressor

from housing_cli.config import Settings, load_settings
from housing_cli.data.table import read_table
from housing_cli.errors import DataError, UsageError
from housing_cli.loop import train as loop_train
from housing_cli.loop.train import GOLDEN_ROWS, Trained, TrainingRows, build_version, train
from housing_cli.loop.train import data_info as info_of
from housing_cli.loop.verify import load_verified
from housing_cli.registry import ModelRegistry
from tests.conftest import SHIPPED, rows

QUICK = ("model.params.n_estimators=3", "train.repeats=2", "train.folds=2", "train.jobs=1")
FILES = {"model.joblib", "model.onnx", "reference.json", "intervals.json", "explanation.json"}


def settings_of(folder: Path, *sets: str) -> Settings:
    header, *lines = rows(40)
    text = [header, *lines, lines[0].rpartition(",")[0] + ","]  # a house without a price
    (folder / "t.csv").write_text("\n".join(text) + "\n")
    paths = {"data.path": str(folder / "t.csv"), "registry.path": str(folder / "artifacts")}
    return load_settings(None, paths, (*QUICK, *sets), {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return train(settings_of(folder), tag="first")


def test_the_first_version_becomes_production_and_no_later_one_by_itself(
    folder: Path, trained: Trained
) -> None:
    assert (trained.version.name, trained.production) == ("v1", True)
    again = train(settings_of(folder))
    assert (again.version.name, again.production) == ("v2", False)
    # The same data, settings, seed and libraries: the same model.
    served = "model.onnx"
    assert again.version.metadata.files[served] == trained.version.metadata.files[served]
    asked = train(settings_of(folder), promote=True)
    assert (asked.version.name, asked.production) == ("v3", True)


def test_the_metadata_say_what_was_learned_from(folder: Path, trained: Trained) -> None:
    metadata = trained.version.metadata
    table = read_table(folder / "t.csv", metadata.schema)
    assert (metadata.tag, metadata.parent, metadata.evidence) == ("first", None, {})
    assert metadata.data == info_of(table)
    assert (metadata.data.rows, metadata.data.sha256) == (40, table.sha256)
    assert trained.dropped == metadata.data.dropped == {"rows without `MEDV`": 1}
    assert (metadata.regressor, metadata.imputer) == ("RandomForestRegressor", "median")
    assert metadata.parameters["n_estimators"] == 3
    assert metadata.seed == metadata.parameters["random_state"] == 42
    assert set(metadata.libraries) == {"python", *loop_train.LIBRARIES}
    assert set(metadata.files) == FILES


def test_the_baseline_is_pooled_over_all_repeats(trained: Trained) -> None:
    metadata = trained.version.metadata
    reference = msgspec.json.decode((trained.version.directory / "reference.json").read_bytes())
    errors = np.array(reference["out_of_fold"]) - np.array(reference["target"])
    assert errors.shape == (2, 40)
    assert metadata.metrics["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-5)
    assert metadata.metrics["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)
    assert (metadata.metrics["folds"], metadata.metrics["repeats"]) == (2, 2)


def test_the_golden_rows_end_with_one_of_missing_values(folder: Path, trained: Trained) -> None:
    golden = trained.version.metadata.golden
    assert len(golden.inputs) == len(golden.outputs) == GOLDEN_ROWS + 1
    assert golden.inputs[-1] == [None] * 13
    compiled = load_verified(ModelRegistry(folder / "artifacts"), trained.version)
    features = np.array(golden.inputs, dtype=float)
    assert compiled.score(features).tolist() == golden.outputs
    assert trained.difference < 1e-4


def test_a_tag_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    settings = load_settings(None, {"data.path": str(tmp_path / "gone")}, (), {})
    with pytest.raises(UsageError, match="`v3` cannot be a tag"):
        train(settings, tag="v3")
    with pytest.raises(DataError, match="does not exist"):
        train(settings)


def test_what_is_built_is_not_registered_and_carries_what_it_is_given(folder: Path) -> None:
    settings = settings_of(folder, "train.repeats=1")
    table = read_table(settings.data.path, settings.schema())
    learned = TrainingRows(table.features, table.target, info_of(table))
    registry = ModelRegistry(folder / "artifacts")
    before = registry.names()
    steps: list[str] = []
    metadata, files, _ = build_version(
        settings, learned, tag="mine", parent="v1", evidence={"n": 3},
        progress=lambda what, *_: steps.append(what),
    )  # fmt: skip
    assert (metadata.tag, metadata.parent, metadata.evidence) == ("mine", "v1", {"n": 3})
    assert set(files) == FILES
    assert "folds" in steps
    assert registry.names() == before


def test_the_commit_is_that_of_the_checkout_or_of_the_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    assert (loop_train._git().commit, loop_train._git().dirty) == (None, None)
    monkeypatch.setenv("GIT_COMMIT", "abc")
    assert (loop_train._git().commit, loop_train._git().dirty) == ("abc", None)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "file").write_text("a")
    for words in (["init", "-q"], ["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    found = loop_train._git()
    assert len(found.commit or "") == 40
    assert found.dirty is False
    (tmp_path / "file").write_text("b")
    assert loop_train._git().dirty is True


def test_the_spread_and_its_check_have_one_thread_of_openmp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside other programs threads that wait for each other made a training ten times as long."""
    seen: set[int] = set()

    def spying(name: str) -> None:
        plain = getattr(HistGradientBoostingRegressor, name)

        def spied(self: object, *args: object) -> object:
            pools = threadpoolctl.threadpool_info()
            seen.update(p["num_threads"] for p in pools if p["user_api"] == "openmp")
            return plain(self, *args)

        monkeypatch.setattr(HistGradientBoostingRegressor, name, spied)

    spying("fit")
    spying("predict")
    shutil.copy(SHIPPED, tmp_path / "t.csv")
    paths = {"data.path": str(tmp_path / "t.csv"), "registry.path": str(tmp_path / "artifacts")}
    with threadpoolctl.threadpool_limits(3, user_api="openmp"):
        train(load_settings(None, paths, QUICK, {}))
    assert seen == {1}


def test_the_metadata_tell_what_matters_most_first(artifacts: Path) -> None:
    version = ModelRegistry(artifacts).get("v1")
    reference = msgspec.json.decode((version.directory / "reference.json").read_bytes())
    told = version.metadata.importances
    assert list(told.values()) == sorted(told.values(), reverse=True)
    names = version.metadata.schema.features
    assert told == dict(zip(names, reference["importances"], strict=True))


def test_who_has_no_table_yet_is_told_how_to_bring_one(workshop: Path) -> None:
    with pytest.raises(DataError, match=r"`data/HousingData.csv` does not exist") as caught:
        train(load_settings(None, {}, (), {}))
    assert "`housing init FILE --target COLUMN --train`" in caught.value.hint
    assert "--data-path" in caught.value.hint


def test_a_table_that_is_not_there_is_told_where_it_comes_from(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "data.source=the census")
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError, match=r"does not exist: it comes from the census") as caught:
        train(settings)
    assert "--data-path" in caught.value.hint
