"""The log as a data frame: words, days, yes and no as people say them, prices beside them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.data.kinds import Boolean, Category, Date, Kind, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.prediction_log import open_log
from housing_cli.pricing import logged
from housing_cli.pricing.logged import logged as read

OLD, NEW = Category(vocabulary(["INLAND"])), Category(vocabulary(["INLAND", "MARS"]))


def schema(sea: Category) -> FeatureSchema:
    kinds: dict[str, Kind] = {"sea": sea, "pool": Boolean(), "sold": Date("2015-05-27")}
    return FeatureSchema(("sea", "pool", "sold", "rooms"), "price", {}, kinds)


@pytest.fixture
def settings(workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    known = {"v1": schema(OLD), "v2": schema(NEW), "production": schema(NEW)}
    monkeypatch.setattr(logged, "_schemas", lambda _settings: known)
    return load_settings(None, {}, (), {})


def fill(settings: Settings) -> list[str]:
    mars, inland = float(NEW.codes["MARS"]), float(NEW.codes["INLAND"])
    with closing(open_log(settings.log.url, schema(NEW))) as log:
        ids = log.append(
            "v1", [[inland, 1.0, 16356.0, 5.5], [mars, None, None, None]], [20.0, 21.0]
        )
        ids += log.append("v2", [[mars, 0.0, 0.0, 1.0]], [22.0])
        log.feedback(ids[1], 25.0)
        log.feedback(ids[1], 24.5)
    return ids


def test_rows_are_in_words_and_beside_their_last_price(settings: Settings) -> None:
    ids = fill(settings)
    frame = read(settings, None, None, None)
    assert list(frame) == [
        "id", "timestamp", "model_version", "sea", "pool", "sold", "rooms", "predicted_price",
        "real_price", "labeled_at",
    ]  # fmt: skip
    assert frame["id"].tolist() == ids
    assert frame["sea"].tolist() == ["INLAND", f"unknown ({NEW.codes['MARS']})", "MARS"]
    assert frame["pool"].tolist() == [True, None, False]
    assert frame["sold"].tolist() == [date(2014, 10, 13), None, date(1970, 1, 1)]
    assert frame["rooms"].fillna(-1).tolist() == [5.5, -1, 1]
    assert frame["predicted_price"].tolist() == [20, 21, 22]
    assert frame["real_price"].fillna(0).tolist() == [0, 24.5, 0]
    assert frame["timestamp"].dt.tz is UTC or str(frame["timestamp"].dt.tz) == "UTC"
    assert (frame["labeled_at"].dropna() >= frame["timestamp"][1]).all()


def test_versions_and_times_narrow_it(settings: Settings) -> None:
    ids = fill(settings)
    assert read(settings, "v2", None, None)["id"].tolist() == ids[2:]
    assert read(settings, None, 1, None)["id"].tolist() == ids[2:]
    assert read(settings, None, None, datetime(2100, 1, 1, tzinfo=UTC)).empty


def test_an_empty_log_has_its_columns(settings: Settings) -> None:
    frame = read(settings, None, None, None)
    assert frame.empty
    assert {"sea", "real_price"} <= set(frame)


def test_numbers_alone_stay_numbers(workshop: Path, two_versions: Path) -> None:
    known = load_settings(None, {"registry.path": str(two_versions)})
    row = [1.0, None] + [2.0] * 11
    with closing(open_log(known.log.url, known.schema())) as log:
        log.append("v1", [row], [20.0])
    frame = read(known, None, None, None)
    assert frame[list(known.data.features)].dtypes.unique().tolist() == [np.dtype("float64")]
    assert pd.isna(frame["ZN"][0])


def test_a_log_is_read_without_a_registry(workshop: Path) -> None:
    known = load_settings(None, {}, (), {})
    assert read(msgspec.structs.replace(known), None, None, None).empty
