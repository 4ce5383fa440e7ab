"""The Python API, used as in a notebook."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

import housing_cli
from housing_cli.config import load_settings
from housing_cli.errors import DataError, VersionNotFound
from housing_cli.loop.train import train
from tests.conftest import FEATURES, ROOT, SHIPPED, Housing
from tests.tables import california


@pytest.fixture
def houses(artifacts: Path) -> pd.DataFrame:
    frame = pd.read_csv(SHIPPED)[:80]
    return frame.set_index(pd.Index([f"house {k}" for k in range(len(frame))]))


def test_prices_are_those_of_the_command(houses: pd.DataFrame, housing: Housing) -> None:
    model = housing_cli.load()
    prices = model.predict(houses[[*reversed(FEATURES), "MEDV"]])
    assert prices.index.equals(houses.index)
    assert prices.name == "predicted_price"
    ran = housing("predict", SHIPPED)
    table = pd.read_csv(io.StringIO(ran.stdout))[:80]
    assert prices.tolist() == table["predicted_price"].tolist()
    frame = model.predict(houses, intervals=True)
    assert list(frame) == ["predicted_price", "lower", "upper"]
    assert frame.to_numpy().tolist() == table[list(frame)].to_numpy().tolist()


def test_a_version_says_what_it_is(artifacts: Path) -> None:
    model = housing_cli.load("second")
    assert (model.version, model.metadata.tag) == ("v2", "second")
    assert model.features == tuple(FEATURES)
    assert model.metadata.metrics["rmse"] > 0
    assert repr(model) == "<housing_cli.Model v2, tag 'second': RandomForestRegressor>"


def test_failures_carry_their_hint(houses: pd.DataFrame) -> None:
    model = housing_cli.load()
    with pytest.raises(DataError, match="lacks columns `RM`, `TAX`") as caught:
        model.predict(houses.drop(columns=["RM", "TAX"]))
    assert caught.value.__notes__ == [f"hint: {caught.value.hint}"]
    for other in (houses.to_numpy(), houses.iloc[0], [[1.0] * 13]):
        with pytest.raises(DataError, match="has no columns with names") as unnamed:
            model.predict(other)  # type: ignore[call-overload]
        assert "pandas.DataFrame" in unnamed.value.__notes__[0]
    with pytest.raises(VersionNotFound) as missing:
        housing_cli.load("v9")
    assert missing.value.__notes__[0].startswith("hint: see what there is")
    houses["RM"] = houses["RM"].astype(object)
    houses.loc["house 3", "RM"] = "x"
    with pytest.raises(DataError, match="row 'house 3': `RM` is `x`: Input should be a valid"):
        model.predict(houses)


def test_settings_are_named_or_laid_over(artifacts: Path, tmp_path: Path) -> None:
    elsewhere = artifacts.rename(tmp_path / "elsewhere")
    assert housing_cli.load(settings={"registry.path": str(elsewhere)}).version == "v1"
    (tmp_path / "own.toml").write_text(f'[registry]\npath = "{elsewhere}"\n')
    assert housing_cli.load(config=tmp_path / "own.toml").version == "v1"


def test_a_version_without_intervals_says_so(houses: pd.DataFrame) -> None:
    import msgspec

    from housing_cli.python import Model

    usual = housing_cli.load()
    bare = Model(msgspec.structs.replace(usual._served, intervals=None), usual._settings)
    assert len(bare.predict(houses)) == 80
    with pytest.raises(DataError, match="v1 carries no intervals"):
        bare.predict(houses, intervals=True)


def test_prices_are_explained_by_name(houses: pd.DataFrame) -> None:
    model = housing_cli.load()
    few = houses[:3]
    why = model.explain(few[[*reversed(FEATURES)]])
    assert list(why) == ["base", *FEATURES]
    assert why.index.equals(few.index)
    assert why.attrs["scale"] == "price"
    assert why.sum(axis=1).tolist() == pytest.approx(model.predict(few).tolist(), rel=1e-6)
    assert model.explain(few[:0]).shape == (0, 14)
    with pytest.raises(DataError, match="lacks column `RM`"):
        model.explain(few.drop(columns="RM"))


def test_unknown_words_are_a_warning(workshop: Path) -> None:
    frame = california(200, 1)
    frame.to_csv("t.csv", index=False)
    features = [str(name) for name in frame if name != "median_house_value"]
    data = {"data.path": "t.csv", "data.features": features, "data.target": "median_house_value"}
    quick = {"model.params": {"n_estimators": 5}, "train.repeats": 1}
    train(load_settings(None, {**data, **quick}))
    model = housing_cli.load()
    frame.loc[:1, "ocean_proximity"] = "MARS"
    with pytest.warns(UserWarning, match="holds unknown words in 2 rows: `MARS`") as told:
        prices = model.predict(frame)
    assert told[0].filename == __file__
    assert prices.notna().all()
    refusing = housing_cli.load(settings={"api.unknown_category": "refuse"})
    with pytest.raises(DataError, match=r"row 0: `ocean_proximity` is `MARS`: .*unknown category"):
        refusing.predict(frame)


def test_a_feature_that_is_called_as_the_price_keeps_its_name(
    workshop: Path, housing: Housing
) -> None:
    table = pd.DataFrame({"real_price": np.arange(1.0, 41), "price": np.arange(2.0, 82, 2)})
    table.to_csv("t.csv", index=False)
    keys = {"data.path": "t.csv", "data.features": ["real_price"], "data.target": "price"}
    sets = [f"{key}={value}".replace("'", '"') for key, value in keys.items()]
    train(load_settings(None, {}, [*sets, "model.regressor=Ridge"], {}))
    Path("own.toml").write_text(
        '[data]\npath = "t.csv"\nfeatures = ["real_price"]\ntarget = "price"\n'
    )
    assert housing("predict", "t.csv", "--log", "--config", "own.toml").code == 0
    rows = housing_cli.log(config="own.toml")
    assert rows["real_price"].tolist() == table["real_price"].tolist()
    assert rows["housing_real_price"].isna().all() and "labeled_at" in rows


def test_the_log_and_the_judgment(houses: pd.DataFrame, housing: Housing) -> None:
    houses.to_csv("houses.csv")
    housing("predict", "houses.csv", "--out", "priced.csv", "--log")
    rows = housing_cli.log()
    assert rows["predicted_price"].tolist() == housing_cli.load().predict(houses).tolist()
    assert rows["real_price"].isna().all()
    lines = [f"{key},2027-01-01T00:00:00.000Z,{p}" for key, p in zip(rows["id"], houses["MEDV"])]  # noqa: B905
    Path("logs/feedback.csv").write_text("\n".join(["id,timestamp,real_price", *lines]) + "\n")
    rows = housing_cli.log(version="v1", newest=50)
    assert rows["real_price"].tolist() == houses["MEDV"].tolist()[-50:]
    judged = housing_cli.evaluate(metric="mae", threshold=0.5)
    said = housing("evaluate", "--metric", "mae", "--threshold", "0.5", "--json").json["data"]
    assert (judged.version, judged.metric, judged.threshold, judged.n) == ("v1", "mae", 0.5, 80)
    for name in ("verdict", "baseline", "current", "ratio", "window", "recent"):
        found = judged.data[name] if name == "recent" else getattr(judged, name)
        assert found == said[name], name
    assert judged.interval is not None
    assert judged.reasons == tuple(said["reasons"])
    assert set(judged.data) | {"json_format"} == set(said)


def test_importing_the_package_imports_nothing_else(workshop: Path) -> None:
    code = (
        "import sys; before = set(sys.modules); import housing_cli;"
        "print(sorted({m.partition('.')[0] for m in set(sys.modules) - before}));"
        "print([name for name in dir(housing_cli) if name in ('load', 'log', 'evaluate')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["['housing_cli']", "['evaluate', 'load', 'log']"]
    with pytest.raises(AttributeError, match="has no attribute `nothing`"):
        housing_cli.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_types_are_those_of_the_code() -> None:
    stub = (ROOT / "housing_cli" / "__init__.pyi").read_text()
    names = set(dir(housing_cli)) & {"Judgment", "Model", "evaluate", "load", "log"}
    assert len(names) == 5
    assert all(f"import {name} as {name}\n" in stub for name in names)
    assert (ROOT / "housing_cli" / "py.typed").exists()


def test_the_fitted_pipeline_checks_the_names_of_its_columns(houses: pd.DataFrame) -> None:
    pipeline = joblib.load("artifacts/versions/v1/model.joblib")
    assert pipeline.feature_names_in_.tolist() == FEATURES
    frame = houses[FEATURES]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.allclose(pipeline.predict(frame), housing_cli.load().predict(frame), atol=1e-4)
        with pytest.raises(ValueError, match="feature names"):
            pipeline.predict(frame[frame.columns[::-1]])
        with pytest.raises(ValueError, match="feature names"):
            pipeline.predict(frame.drop(columns="RM"))
