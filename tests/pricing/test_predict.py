"""A table is priced as the API prices its rows, in blocks, and nothing is half-written."""

from __future__ import annotations

import contextlib
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.api.served import Served
from housing_cli.config import Settings, load_settings
from housing_cli.errors import LogSchemaMismatch, LogUnavailable, VersionNotFound
from housing_cli.loop.train import train
from housing_cli.prediction_log import open_log
from housing_cli.prediction_log.csv.log import CsvLog
from housing_cli.pricing import predict, records, source
from housing_cli.pricing.predict import Priced, load, price_table
from housing_cli.pricing.source import Source
from tests.conftest import FEATURES, QUICK, SHIPPED
from tests.tables import california


@pytest.fixture
def settings(two_versions: Path, workshop: Path) -> Settings:
    return load_settings(None, {"registry.path": str(two_versions)})


def priced(settings: Settings, table: Path | str, **options: Any) -> tuple[Priced, pd.DataFrame]:
    file = io.BytesIO()
    result = price_table(settings, str(table), file, **options)
    file.seek(0)
    return result, pd.read_csv(file)


def answers(settings: Settings, rows: pd.DataFrame) -> list[dict[str, Any]]:
    with TestClient(create_app(settings)) as client:
        bodies = json.loads(rows.to_json(orient="records"))
        return [client.post("/predict", json=body).json() for body in bodies]


def test_a_row_has_the_price_and_interval_of_predict_to_the_last_bit(settings: Settings) -> None:
    result, table = priced(settings, SHIPPED)
    assert (result.rows, result.refused, result.version) == (506, 0, "v1")
    rows = pd.read_csv(SHIPPED)
    assert table[FEATURES].equals(rows[FEATURES])
    said = answers(settings, rows[FEATURES][:60])
    assert table["predicted_price"][:60].tolist() == [one["predicted_price"] for one in said]
    assert table[["lower", "upper"]][:60].to_numpy().tolist() == [one["interval"] for one in said]
    assert set(table["model_version"]) == {"v1"}


def test_words_have_the_price_of_predict(workshop: Path) -> None:
    frame = california(300, 1)
    frame.to_csv("t.csv", index=False)
    features = [name for name in frame if name != "median_house_value"]
    named = (f"data.features={json.dumps(features)}", "data.target=median_house_value")
    settings = load_settings(None, {"data.path": "t.csv"}, (*named, *QUICK[1::2]))
    train(settings)
    frame.loc[:4, "ocean_proximity"] = "MARS"
    frame.to_csv("t.csv", index=False)
    result, table = priced(settings, "t.csv")
    said = answers(settings, frame[features][:40])
    assert table["predicted_price"][:40].tolist() == [one["predicted_price"] for one in said]
    assert result.unknown == {"ocean_proximity": {"MARS": 5}}
    api = msgspec.structs.replace(settings.api, unknown_category="refuse")
    result, table = priced(msgspec.structs.replace(settings, api=api), "t.csv")
    assert (result.refused, len(table)) == (5, 295)
    assert result.first[0].reason.startswith("Value error, unknown category: known are")


def test_rows_beyond_the_learned_range_are_priced_and_counted(
    settings: Settings, workshop: Path
) -> None:
    frame = pd.read_csv(SHIPPED)[FEATURES].head(20)
    frame["TAX"] = frame["TAX"].astype(float)
    frame.loc[3, "RM"], frame.loc[[3, 9], "TAX"] = 99.0, 1.0
    frame.to_csv("far.csv", index=False)
    result, table = priced(settings, "far.csv")
    assert (result.rows, result.outside) == (20, {"TAX": 2, "RM": 1})
    said = answers(settings, frame)
    assert [one.get("outside") for one in said if "outside" in one] == [["RM", "TAX"], ["TAX"]]
    assert table["predicted_price"].tolist() == [one["predicted_price"] for one in said]


def test_blocks_change_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = priced(settings, SHIPPED)
    for module in (records, source):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1000)
    seen: list[tuple[str, int, int]] = []
    _, parts = priced(settings, SHIPPED, progress=lambda *step: seen.append(step))
    assert parts.equals(whole)
    size = SHIPPED.stat().st_size
    assert len(seen) > 20
    assert seen[-1] == ("kB", size // 1000, size // 1000)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_refused_rows_are_left_out_and_the_rest_goes_on(settings: Settings, table: Path) -> None:
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace(",", ",x", 1)
    lines[4] += ",1"
    table.write_text("\n".join(lines) + "\n")
    result = price_table(settings, str(table), Path("out.csv"))
    assert (result.rows, result.refused, result.errors) == (58, 2, Path("out.errors.csv"))
    assert len(pd.read_csv("out.csv")) == 58
    errors = pd.read_csv("out.errors.csv")
    assert errors[["line", "column", "reason"]].fillna("").values.tolist() == [
        [3, "ZN", "Input should be a valid number"],
        [5, "", "15 values for 14 columns"],
    ]
    table.write_text("\n".join(lines[:2]) + "\n")
    result = price_table(settings, str(table), Path("out.csv"))
    assert result.errors is None
    assert not Path("out.errors.csv").exists()  # they were mended


def test_a_list_that_was_asked_for_is_there_even_when_empty(settings: Settings) -> None:
    result = price_table(settings, str(SHIPPED), Path("out.csv"), errors=Path("bad.csv"))
    assert result.errors == Path("bad.csv")
    assert Path("bad.csv").read_text() == "file,line,column,reason,value\n"


def test_a_price_that_is_not_finite_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    def spoiled(served: Served, features: np.ndarray[Any, Any]) -> predict.Scored:
        prices = np.full(len(features), 20.0, dtype=np.float32)
        prices[1] = math.inf
        return prices, np.ones(len(features))

    monkeypatch.setattr(predict, "_run", spoiled)
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], "x" + lines[1], *lines[2:5]]) + "\n")
    result, found = priced(settings, table)
    assert [(one.line, one.reason) for one in result.first] == [
        (2, "Input should be a valid number"),
        (4, "the model gives no finite price for this row"),
    ]
    assert len(found) == 2


def test_nothing_is_written_when_it_fails_in_the_middle(
    settings: Settings, table: Path, monkeypatch: pytest.MonkeyPatch, workshop: Path
) -> None:
    before = {path.name for path in workshop.iterdir()}
    for failure in (KeyboardInterrupt, MemoryError):

        def fail(*_: object, failure: type[BaseException] = failure) -> None:
            raise failure

        monkeypatch.setattr(predict._Run, "write", fail)
        for name in ("out.csv", "out.parquet"):
            with pytest.raises(failure):
                price_table(settings, str(table), Path(name))
    assert {path.name for path in workshop.iterdir()} == before


def test_a_table_of_no_rows_is_priced(settings: Settings, table: Path) -> None:
    table.write_text(table.read_text().splitlines()[0] + "\n")
    result = price_table(settings, str(table), Path("out.csv"))
    assert result.rows == 0
    header = Path("out.csv").read_text()
    assert header.endswith("MEDV,predicted_price,lower,upper,model_version\n")
    price_table(settings, str(table), Path("out.parquet"))


def test_parquet_comes_and_goes_with_its_types(settings: Settings) -> None:
    import duckdb

    price_table(settings, str(SHIPPED), Path("one.parquet"))
    result = price_table(settings, "one.parquet", Path("two.parquet"))
    assert result.columns[0] == "housing_predicted_price"
    with duckdb.connect() as database:
        found = database.read_parquet("two.parquet")
        kinds = dict(zip(found.columns, map(str, found.types), strict=True))
        frame = found.df()
    assert kinds["RM"] == kinds["lower"] == kinds["housing_predicted_price"] == "DOUBLE"
    assert kinds["model_version"] == "VARCHAR"
    assert frame["housing_predicted_price"].equals(frame["predicted_price"])
    _, table = priced(settings, SHIPPED)
    assert frame["predicted_price"].tolist() == table["predicted_price"].tolist()


def test_another_version_is_named_by_its_ref(settings: Settings) -> None:
    assert priced(settings, SHIPPED, ref="second")[0].version == "v2"
    with pytest.raises(VersionNotFound):
        priced(settings, SHIPPED, ref="v9")


def test_intervals_are_adapted_as_a_server_of_these_settings_does(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = load(settings, "v1")
    serve = msgspec.structs.replace(settings.serve, adapt_intervals=True)
    monkeypatch.setattr(predict, "factors_of", lambda _served, _log: (2.0, 3.0))
    adapted = load(msgspec.structs.replace(settings, serve=serve), "v1")
    assert (usual.factors, adapted.factors) == ((1.0, 1.0), (2.0, 3.0))


def test_a_version_without_intervals_has_no_columns_for_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    bare = msgspec.structs.replace(load(settings, "v1"), intervals=None)
    monkeypatch.setattr(predict, "load", lambda _settings, _ref: bare)
    result, found = priced(settings, table)
    assert result.columns == ("predicted_price", "model_version") == tuple(found)[-2:]


def logged(settings: Settings) -> list[tuple[str, float]]:
    with contextlib.closing(open_log(settings.log.url, load(settings, "v1").schema)) as log:
        found = log.predictions()
    return list(zip(found.ids, found.predicted.tolist(), strict=True))


def test_predictions_are_logged_as_the_api_logs_them(settings: Settings, table: Path) -> None:
    frame = pd.read_csv(table)[FEATURES]
    answers(settings, frame)
    before = Path("logs/predictions.csv").read_text().splitlines()
    result, found = priced(settings, table, record=True)
    after = Path("logs/predictions.csv").read_text().splitlines()
    assert (result.logged, result.columns[-1]) == (60, "id")
    assert after[: len(before)] == before
    # The same numbers, to the letter, behind other ids and times.
    assert [line.split(",")[2:] for line in after[61:]] == [
        line.split(",")[2:] for line in before[1:]
    ]
    ids = [key for key, _ in logged(settings)]
    assert found["id"].tolist() == ids[60:]


def test_refused_rows_are_not_logged_and_ids_stand_beside_their_own(
    settings: Settings, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = table.read_text().splitlines()
    lines[2] = lines[2].replace(",", ",x", 1)
    table.write_text("\n".join(lines) + "\n")
    for module in (records, source):
        monkeypatch.setattr(module, "BLOCK_BYTES", 500)
    result, found = priced(settings, table, record=True)
    assert (result.rows, result.refused, result.logged) == (59, 1, 59)
    assert list(zip(found["id"], found["predicted_price"], strict=True)) == logged(settings)


def test_a_table_with_ids_of_its_own_keeps_them(settings: Settings, table: Path) -> None:
    frame = pd.read_csv(table)
    frame.insert(0, "id", range(60))
    frame.to_csv(table, index=False)
    result, found = priced(settings, table, record=True)
    assert result.columns[-1] == "housing_id"
    assert found["id"].tolist() == list(range(60))
    assert found["housing_id"].tolist() == [key for key, _ in logged(settings)]


def test_a_log_that_fails_says_what_it_has(
    settings: Settings, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (records, source):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1000)
    append, calls = CsvLog.append, []

    def fail(log: CsvLog, *args: Any) -> list[str]:
        calls.append(args)
        if len(calls) > 1:
            raise LogUnavailable("no space left", "free some")
        return append(log, *args)

    monkeypatch.setattr(CsvLog, "append", fail)
    with pytest.raises(LogUnavailable) as caught:
        price_table(settings, str(table), Path("out.csv"), record=True)
    n = len(logged(settings))
    assert 0 < n < 60
    assert caught.value.message == (
        f"no space left; {n} rows before it are in the log, and no table was written"
    )
    assert not Path("out.csv").exists()


def test_a_log_of_another_table_is_refused_before_anything(settings: Settings, table: Path) -> None:
    Path("logs").mkdir()
    Path("logs/predictions.csv").write_text("id,timestamp,model_version,RM,predicted_price\n")
    with pytest.raises(LogSchemaMismatch):
        price_table(settings, str(table), Path("out.csv"), record=True)
    assert not Path("out.csv").exists()


def test_prices_are_explained_as_the_api_explains_them(settings: Settings, table: Path) -> None:
    table.write_text("\n".join(table.read_text().splitlines()[:26]) + "\n")
    seen: list[tuple[str, int, int]] = []
    result, found = priced(
        settings, table, explain=True, record=True, progress=lambda *step: seen.append(step)
    )
    names = [f"contribution_{name}" for name in FEATURES]
    assert list(result.columns)[3:] == ["model_version", "id", "base", *names]
    total = found["base"] + found[names].sum(axis=1)
    assert total.tolist() == pytest.approx(found["predicted_price"].tolist(), rel=1e-6)
    body = json.loads(found[FEATURES].to_json(orient="records"))[3]
    with TestClient(create_app(settings)) as client:
        said = client.post("/explain", json=body).json()
    assert said["base"] == found["base"][3]
    for one in said["contributions"]:
        assert one["contribution"] == found[f"contribution_{one['feature']}"][3]
    assert [step for step in seen if step[0] == "explained"] == [
        ("explained", 20, 25), ("explained", 25, 25),
    ]  # fmt: skip


def test_what_interrupts_a_logged_run_knows_how_much_is_in_the_log(
    settings: Settings, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (records, source):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1000)
    write = predict._Run.write

    def second(run: predict._Run, *block: Any) -> None:
        if run.rows:
            raise KeyboardInterrupt
        write(run, *block)

    monkeypatch.setattr(predict._Run, "write", second)
    with pytest.raises(KeyboardInterrupt) as caught:
        price_table(settings, str(table), Path("out.csv"), record=True)
    n = len(logged(settings))
    assert n > 0
    assert caught.value.__notes__ == [f"{n} rows are in the log"]
    with pytest.raises(KeyboardInterrupt) as caught:
        price_table(settings, str(table), Path("out.csv"))
    assert not hasattr(caught.value, "__notes__")


def test_memory_holds_a_few_blocks_however_long_the_table_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "available_cores", lambda: 2)
    for module in (records, source):
        monkeypatch.setattr(module, "BLOCK_BYTES", 1000)
    held, most = [0], [0]
    blocks, write = Source.blocks, predict._Run.write

    def counting(source: Source) -> Iterator[records.Records]:
        for block in blocks(source):
            held[0] += 1
            most[0] = max(most[0], held[0])
            yield block

    def written(run: predict._Run, *block: Any) -> None:
        write(run, *block)
        held[0] -= 1

    monkeypatch.setattr(Source, "blocks", counting)
    monkeypatch.setattr(predict._Run, "write", written)
    assert priced(settings, SHIPPED)[0].rows == 506
    assert (held[0], most[0]) == (0, 3)
