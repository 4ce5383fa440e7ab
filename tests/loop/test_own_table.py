"""A challenger learns from the champion's own table, and from another one only by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.errors import DataError
from housing_cli.loop.own_table import Base, base_table
from housing_cli.loop.train import train
from housing_cli.registry import Version, open_registry
from tests.in_process import SMALL, shuffled

HOUSES = shuffled(0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    HOUSES[:300].to_csv(folder / "train.csv", index=False)
    before = Path.cwd()
    os.chdir(folder)
    train(settings("train.csv"))
    os.chdir(before)
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Version]:
    """A directory with the table that v1 learned from, and another one in the default place."""
    monkeypatch.chdir(tmp_path)
    Path("train.csv").write_bytes((trained / "train.csv").read_bytes())
    Path("data").mkdir()
    HOUSES[300:].to_csv("data/HousingData.csv", index=False)
    yield open_registry(
        load_settings(None, {"registry.path": str(trained / "artifacts")}, (), {})
    ).get("v1")


def settings(path: str = "data/HousingData.csv") -> Settings:
    return load_settings(None, {"data.path": path}, SMALL, {})


def base(champion: Version, path: str = "data/HousingData.csv", *, named: bool = False) -> Base:
    return base_table(settings(path), champion, named=named)


def test_the_champions_table_is_taken_and_not_the_default_one(here: Version) -> None:
    found = base(here)
    assert (found.table.path, len(found.table), found.added) == ("train.csv", 300, 0)
    assert found.note.startswith("note: learned from `train.csv`, the table of v1")


def test_a_copy_elsewhere_is_the_champions_table(here: Version) -> None:
    Path("train.csv").rename("moved.csv")
    found = base(here, "moved.csv")
    assert (found.table.path, found.added, found.note) == ("moved.csv", 0, "")


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_rows_that_were_added_are_learned_and_said(here: Version, ending: bytes) -> None:
    before = Path("train.csv").read_bytes()
    more = HOUSES[300:314].to_csv(index=False, header=False).encode()
    Path("train.csv").write_bytes(before.rstrip(b"\n") + (ending or b"\n") + more)
    if ending == b"\r\n":
        assert base(here, "train.csv").added is None  # a line of the old table has changed
        return
    found = base(here, "train.csv")
    assert (len(found.table), found.added) == (314, 14)
    assert found.note.startswith("note: 14 rows were added to `train.csv` since v1")


def test_a_table_that_has_changed_in_its_place_is_learned_with_a_warning(here: Version) -> None:
    pd.read_csv("train.csv")[10:].to_csv("train.csv", index=False)
    found = base(here)
    assert (len(found.table), found.added) == (290, None)
    assert found.note.startswith("warning: `train.csv` has changed since v1")


def test_another_table_is_refused_unless_it_is_named(here: Version) -> None:
    Path("train.csv").unlink()
    with pytest.raises(DataError, match="v1 learned from `train.csv`, which") as raised:  # noqa: RUF043
        base(here)
    assert "--data-path" in raised.value.hint
    found = base(here, named=True)
    assert (len(found.table), found.added) == (206, None)
    assert found.note == "note: learned from `data/HousingData.csv`; v1 from `train.csv`"


def test_a_pipe_is_read_once(here: Version) -> None:
    """`--data-path <(command)`: what was read for a hash would be gone for the table."""
    source, sink = os.pipe()
    os.write(sink, Path("data/HousingData.csv").read_bytes())
    os.close(sink)
    try:
        found = base(here, f"/dev/fd/{source}", named=True)
    finally:
        os.close(source)
    assert (len(found.table), found.added) == (206, None)
