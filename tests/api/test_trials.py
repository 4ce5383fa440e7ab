"""A server follows what is tried, and nothing that is tried touches an answer."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from housing_cli.api.app import create_app
from housing_cli.api.trials import Tried
from housing_cli.model.compiled import CompiledModel
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.registry import ModelRegistry
from tests.api.serving import FEATURES, ROW, add_version, make_settings
from tests.api.test_reloader import until
from tests.registry.signing import Keys

Serve = Callable[..., TestClient]
FAST = {"reload_seconds": 0.05}
ROWS = [{**ROW, "RM": 4 + number / 100, "LSTAT": 5 + number % 17} for number in range(300)]


@pytest.fixture
def registry(registry: ModelRegistry) -> ModelRegistry:
    """v1, which is production, and v2 and v3, whose prices are about one and two higher."""
    for seed in (1, 2):
        add_version(registry, seed, promote=False)
    return registry


def canary(registry: ModelRegistry, ref: str, weight: float, event: str = "promoted") -> None:
    registry.point("canary", registry.get(ref), event=event, evidence={"weight": weight})


def told(client: TestClient, alias: str) -> Any:
    return client.get("/version").json()[alias]


def followed(client: TestClient, alias: str, version: str, weight: float = 0.0) -> None:
    until(lambda: (told(client, alias) or {}).get("version") == version)
    until(lambda: told(client, alias)["weight"] == weight)


def versions(client: TestClient, rows: list[dict[str, Any]], **headers: str) -> list[str]:
    answers = [client.post("/predict", json=row, headers=headers) for row in rows]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json()["model_version"] for answer in answers]


def log_of(client: TestClient) -> PredictionLog:
    log: PredictionLog = client.app.state.predictor.log  # type: ignore[attr-defined]
    return log


def served_rows(client: TestClient, n: int) -> list[Any]:
    until(lambda: len(log_of(client).served()) >= n)
    return log_of(client).served()


def test_a_shadow_prices_every_row_and_answers_none(registry: ModelRegistry, serve: Serve) -> None:
    client = serve(serve=FAST)
    assert told(client, "shadow") is None
    registry.point("shadow", registry.get("v2"))
    followed(client, "shadow", "v2")
    assert set(versions(client, ROWS[:20])) == {"v1"}
    batch = client.post("/predict/batch", json={"rows": ROWS[20:50]}).json()["predictions"]
    assert {one["model_version"] for one in batch} == {"v1"}
    rows = served_rows(client, 50)
    assert {row.shadow_version for row in rows} == {"v2"}
    assert {row.arm for row in rows} == {None}
    found = log_of(client).predictions()
    prices = {row.id: row.shadow_price for row in rows}
    model = CompiledModel((registry.directory("v2") / "model.onnx").read_bytes(), len(FEATURES))
    expected = model.score(found.features).tolist()
    assert [prices[key] for key in found.ids] == pytest.approx(expected, rel=1e-6)
    registry.end("shadow", why="no")
    until(lambda: told(client, "shadow") is None)
    versions(client, ROWS[:5])
    time.sleep(0.3)
    assert len(log_of(client).served()) == 50


@pytest.mark.parametrize("failure", ["throws", "nan"])
def test_a_shadow_that_fails_touches_no_answer(
    registry: ModelRegistry, serve: Serve, failure: str
) -> None:
    client = serve(serve=FAST)
    registry.point("shadow", registry.get("v2"))
    followed(client, "shadow", "v2")

    def run(_: Any) -> Any:
        if failure == "throws":
            raise RuntimeError("broken")
        return np.full(1, np.nan, dtype=np.float32), np.ones(1)

    shadow = client.app.state.predictor.tried.shadow  # type: ignore[attr-defined]
    shadow.model.run = run
    assert set(versions(client, ROWS[:1])) == {"v1"}
    (row,) = served_rows(client, 1)
    assert (row.shadow_version, row.shadow_price) == ("v2", None)
    assert (
        'housing_shadow_rows_total{outcome="failed",version="v2"} 1.0'
        in client.get("/metrics").text
    )


def test_a_shadow_that_is_slow_holds_up_no_answer(registry: ModelRegistry, serve: Serve) -> None:
    client = serve(serve=FAST)
    registry.point("shadow", registry.get("v2"))
    followed(client, "shadow", "v2")
    shadow = client.app.state.predictor.tried.shadow  # type: ignore[attr-defined]
    run = shadow.model.run

    def slow(rows: Any) -> Any:
        time.sleep(1.0)
        return run(rows)

    shadow.model.run = slow
    started = time.monotonic()
    versions(client, ROWS[:30])
    assert time.monotonic() - started < 1.0  # none of them waited
    assert len(served_rows(client, 30)) == 30


def test_what_is_tried_may_have_no_other_features(registry: ModelRegistry, serve: Serve) -> None:
    add_version(registry, 5, features=("a", "b"), promote=False)
    client = serve(serve=FAST)
    for alias in ("shadow", "canary"):
        registry.point(alias, registry.get("v4"), evidence={"weight": 50.0})
    until(lambda: len(client.get("/readyz").json()["warnings"]) == 2)
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["warnings"] == [
        f"{alias} is not tried: v4 expects other features than v1" for alias in ("shadow", "canary")
    ]
    assert set(versions(client, ROWS[:50])) == {"v1"}
    assert told(client, "canary")["refused"] == "v4 expects other features than v1"
    assert 'housing_trial_refused{alias="shadow"} 1.0' in client.get("/metrics").text


def test_a_damaged_version_is_not_tried_until_it_is_mended(
    registry: ModelRegistry, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.trials.RETRY_SECONDS", 0.1)
    file = registry.directory("v2") / "model.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    canary(registry, "v2", 100.0)
    client = serve(serve=FAST)
    assert "canary is not tried: `model.onnx` of v2" in client.get("/readyz").json()["warnings"][0]
    assert set(versions(client, ROWS[:20])) == {"v1"}
    file.write_bytes(whole)
    until(lambda: set(versions(client, ROWS[:1])) == {"v2"})


def test_a_canary_answers_its_part_and_the_same_one_again(
    registry: ModelRegistry, serve: Serve
) -> None:
    canary(registry, "v2", 30.0)
    client = serve(serve=FAST)  # from the first request on
    first = versions(client, ROWS)
    share = Counter(first)["v2"] / len(ROWS)
    assert abs(share - 0.3) < 4 * math.sqrt(0.21 / len(ROWS))
    assert versions(client, ROWS) == first
    batch = client.post("/predict/batch", json={"rows": ROWS}).json()["predictions"]
    assert [one["model_version"] for one in batch] == first
    alone = [client.post("/predict", json=row).json()["predicted_price"] for row in ROWS]
    assert [one["predicted_price"] for one in batch] == alone
    found = log_of(client).predictions()
    assert Counter(found.versions)["v2"] == 4 * Counter(first)["v2"]
    text = client.get("/metrics").text
    for arm, version in (("canary", "v2"), ("production", "v1")):
        calls = re.search(rf'housing_model_call_seconds_count{{arm="{arm}"}} (\d+)', text)
        assert calls is not None
        assert int(calls[1]) == 3 * Counter(first)[version]
    canary(registry, "v2", 60.0, "weighted")
    followed(client, "canary", "v2", 60.0)
    more = versions(client, ROWS)
    assert all(now == "v2" for was, now in zip(first, more, strict=True) if was == "v2")
    assert Counter(more)["v2"] > Counter(first)["v2"]


def test_a_client_and_a_house_keep_their_arm(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 50.0)
    client = serve(serve=FAST)
    by_route = [
        set(versions(client, ROWS[:6], **{"X-Housing-Route": f"user-{k}"})) for k in range(40)
    ]
    assert {len(one) for one in by_route} == {1}
    assert {next(iter(one)) for one in by_route} == {"v1", "v2"}
    # FastAPI's way answers the same as the short one.
    for number in range(6):
        headers = {"X-Housing-Route": f"user-{number}", "content-type": "application/json; v=1"}
        slow = client.post("/predict", content=json.dumps(ROW), headers=headers)
        assert {slow.json()["model_version"]} == by_route[number]
    houses = [[{**row, "house_id": name} for row in ROWS[:6]] for name in (*"abcdefghij", 7, 8)]
    by_house = [set(versions(client, rows)) for rows in houses]
    assert {len(one) for one in by_house} == {1}
    mixed = [{**ROWS[at], "house_id": "abcdefghij"[at % 10]} for at in range(50)]
    batch = client.post("/predict/batch", json={"rows": mixed}).json()["predictions"]
    assert [one["model_version"] for one in batch] == [
        next(iter(by_house[at % 10])) for at in range(50)
    ]
    wanted = by_route[0]
    routed = client.post(
        "/predict/batch", json={"rows": mixed}, headers={"X-Housing-Route": "user-0"}
    ).json()["predictions"]
    assert {one["model_version"] for one in routed} == wanted


def test_the_rows_of_a_canary_are_on_record(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 50.0)
    client = serve(serve=FAST)
    own = versions(client, [{**row, "house_id": f"h{at}"} for at, row in enumerate(ROWS[:60])])
    rows = served_rows(client, 60)
    arms = {row.house_id: row.arm for row in rows}
    assert arms == {f"h{at}": "canary" if v == "v2" else None for at, v in enumerate(own)}
    pairs = [row for row in rows if row.shadow_price is not None]
    assert pairs
    assert {(row.shadow_version, row.arm) for row in pairs} == {("v1", "canary")}


def test_a_canary_that_throws_fails_no_request_and_is_left(
    registry: ModelRegistry, serve: Serve
) -> None:
    canary(registry, "v2", 50.0)
    client = serve(serve=FAST)

    def throw(_: Any) -> Any:
        raise RuntimeError("broken")

    arm = client.app.state.predictor.tried.canary  # type: ignore[attr-defined]
    arm.served.model.scored_few = throw
    assert set(versions(client, ROWS[:40])) == {"v1"}
    assert arm.guard.rows <= 3
    until(lambda: 'housing_canary_left{version="v2"} 1.0' in client.get("/metrics").text)
    (warning,) = client.get("/readyz").json()["warnings"]
    assert warning == "canary v2 was left: it failed on 2 of 2 rows, and 1% may fail"
    assert told(client, "canary")["left"] == "it failed on 2 of 2 rows, and 1% may fail"
    rows = served_rows(client, 2)
    found = log_of(client).predictions()
    made = dict(zip(found.ids, found.versions, strict=True))
    assert [(row.arm, made[row.id]) for row in rows] == [("canary", "v1")] * 2
    text = client.get("/metrics").text
    assert 'housing_predictions_total{outcome="failed",version="v2"} 2.0' in text
    # A command that moves the alias lets it begin anew.
    del arm.served.model.scored_few
    canary(registry, "v2", 100.0, "weighted")
    until(lambda: set(versions(client, ROWS[:3])) == {"v2"})
    assert client.get("/readyz").json()["warnings"] == []


def test_a_batch_falls_back_row_by_row(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 100.0)
    client = serve(serve={**FAST, "canary_abort": False})
    arm = client.app.state.predictor.tried.canary  # type: ignore[attr-defined]
    scored = arm.served.model.scored_few

    def some(rows: Any) -> Any:
        prices, spreads = scored(rows)
        return [
            math.nan if row[5] > 6.0 else p for row, p in zip(rows, prices, strict=True)
        ], spreads

    arm.served.model.scored_few = some
    batch = client.post("/predict/batch", json={"rows": ROWS}).json()["predictions"]
    expected = ["v1" if row["RM"] > 6.0 else "v2" for row in ROWS]
    assert [one["model_version"] for one in batch] == expected
    ids = set(log_of(client).predictions().ids)
    assert {one["id"] for one in batch} == ids
    assert len(ids) == len(ROWS)
    assert len(served_rows(client, len(ROWS))) == len(ROWS)


def test_an_aborted_canary_is_seen_at_once(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 100.0)
    client = serve()  # twice a second, as by default
    assert set(versions(client, ROWS[:3])) == {"v2"}
    registry.end("canary", why="no")
    started = time.monotonic()
    until(lambda: set(versions(client, ROWS[:3])) == {"v1"})
    assert time.monotonic() - started < 2


def test_what_is_production_is_not_tried(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 100.0)
    client = serve(serve=FAST)
    registry.point("production", registry.get("v2"))
    until(lambda: client.get("/version").json()["version"] == "v2")
    until(lambda: told(client, "canary") is None)
    assert set(versions(client, ROWS[:5])) == {"v2"}
    assert {row.arm for row in log_of(client).served()} <= {"canary"}


def test_a_canary_answers_until_it_is_served_as_production(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    canary(registry, "v2", 100.0)
    state = create_app(make_settings(tmp_path)).state  # nothing is watched until it runs
    predictor, trials = state.predictor, state.trials
    arm = predictor.tried.canary
    registry.point("production", registry.get("v2"))
    assert trials._loaded(predictor.tried).canary is arm
    predictor.refuse("it cannot be loaded")
    assert trials._loaded(predictor.tried).canary is None
    predictor.settle()
    state.reloader.load()
    assert predictor.served.name == "v2"
    assert trials._loaded(predictor.tried).canary is None
    registry.point("production", registry.get("v1"))
    canary(registry, "v3", 100.0)
    state.reloader.load()
    trials.load()
    registry.end("canary", why="no")
    assert trials._loaded(predictor.tried).canary is None


def test_another_program_may_split(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 30.0)
    production = serve(serve={**FAST, "split": False})
    alone = serve(serve={**FAST, "split": False, "version": "canary"})
    assert set(versions(production, ROWS[:40])) == {"v1"}
    assert told(production, "canary") is None
    assert set(versions(alone, ROWS[:40])) == {"v2"}
    assert alone.get("/version").json()["version"] == "v2"
    assert alone.get("/readyz").json()["model_version"] == "v2"
    assert {row.arm for row in served_rows(alone, 40)} == {"canary"}
    registry.end("canary", why="no")
    until(lambda: set(versions(alone, ROWS[:3])) == {"v1"})
    assert alone.get("/version").json()["version"] == "v1"
    assert alone.get("/readyz").status_code == 200


def test_a_pinned_server_tries_nothing(registry: ModelRegistry, serve: Serve) -> None:
    canary(registry, "v2", 100.0)
    registry.point("shadow", registry.get("v3"))
    client = serve(serve={**FAST, "version": "v1"})
    assert set(versions(client, ROWS[:10])) == {"v1"}
    assert (told(client, "canary"), told(client, "shadow")) == (None, None)


def test_a_house_is_recorded_where_its_client_names_it(
    registry: ModelRegistry, serve: Serve
) -> None:
    client = serve()
    answer = client.post("/predict", json={**ROW, "house_id": "Calle Mayor, 3"}).json()
    client.post("/predict", json=ROW)
    (row,) = served_rows(client, 1)
    assert (row.id, row.house_id) == (answer["id"], "Calle Mayor, 3")
    assert (row.arm, row.shadow_version) == (None, None)
    client.post("/predict", json={**ROW, "house_id": "a\nb\u2028,\x00"})
    assert served_rows(client, 2)[-1].house_id == "a\\u000ab\\u2028,\\u0000"


def test_what_waits_is_recorded_at_the_end(
    registry: ModelRegistry, tmp_path: Path, serve: Serve
) -> None:
    registry.point("shadow", registry.get("v2"))
    client = serve(serve=FAST)
    versions(client, ROWS[:10])
    client.__exit__(None, None, None)
    client.__enter__ = lambda: client  # type: ignore[method-assign]
    client.__exit__ = lambda *_: None  # type: ignore[method-assign]
    predictor = client.app.state.predictor  # type: ignore[attr-defined]
    log = open_log(predictor.log.url, predictor.served.schema)
    assert len(log.served()) == 10


def test_weights_and_moves_are_signed(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("housing_cli.api.trials.RETRY_SECONDS", 0.1)
    keys = Keys()
    registry = keys.registry(tmp_path / "artifacts")
    for seed in (0, 1):
        add_version(registry, seed)
    canary(registry, "v2", 100.0)
    client = serve(
        serve=FAST, registry={"path": str(tmp_path / "artifacts"), "trusted_keys": (keys.line,)}
    )
    assert set(versions(client, ROWS[:3])) == {"v2"}
    unsigned = ModelRegistry(tmp_path / "artifacts")
    signature = tmp_path / "artifacts" / "signatures" / "canary-v2.minisig"
    kept = signature.read_bytes()
    unsigned.point("canary", unsigned.get("v2"), event="weighted", evidence={"weight": 50.0})
    signature.write_bytes(kept)
    until(lambda: "100 % are signed" in str(client.get("/readyz").json()["warnings"]))
    assert set(versions(client, ROWS[:20])) == {"v1"}


def test_nothing_is_tried_at_first() -> None:
    assert Tried().told() == {"shadow": None, "canary": None}
    assert Tried().warnings() == []
    assert Tried().versions() == []
