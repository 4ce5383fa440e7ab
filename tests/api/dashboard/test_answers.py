"""The pages: whole, in parts, in two languages, and what the forms do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from housing_cli.api.dashboard.snapshot import Snapshot, Snapshots
from housing_cli.loop.status import status
from housing_cli.prediction_log import open_log
from housing_cli.registry import ModelRegistry
from housing_cli.show.status import result_of
from tests.api.dashboard.conftest import ORIGIN
from tests.api.serving import ROW, add_version
from tests.in_process import Loop, shuffled

Show = Callable[..., TestClient]
HTMX = {"hx-request": "true"}
FORM = "application/x-www-form-urlencoded"


def send(client: TestClient, path: str, fields: dict[str, Any], **headers: str) -> Response:
    """Send a form as a browser does."""
    origin = str(client.base_url).rstrip("/")
    found: Response = client.post(
        path, content=urlencode(fields), headers={"content-type": FORM, "origin": origin, **headers}
    )
    return found


def test_the_page_has_every_section(page: TestClient) -> None:
    found = page.get("/")
    assert found.status_code == 200
    for section in ("verdict", "over-time", "predicted-real", "drift", "labels", "versions",
                    "trials", "newest", "history", "live", "try", "tried"):  # fmt: skip
        assert found.text.count(f'id="{section}"') == 1, section
    assert page.head("/").status_code == 200
    assert page.post("/").status_code == 405


@pytest.mark.parametrize(
    ("query", "accepted", "language"),
    [("", "", "en"), ("", "es-MX,en;q=0.5", "es"), ("?lang=en", "es", "en"), ("?lang=es", "", "es"),
     ("?lang=xx", "es", "es")],
)  # fmt: skip
def test_the_browser_or_a_link_chooses_the_language(
    page: TestClient, query: str, accepted: str, language: str
) -> None:
    found = page.get(f"/{query}", headers={"accept-language": accepted})
    assert f'<html lang="{language}">' in found.text
    assert found.headers["content-language"] == language
    assert ("Probar una casa" in found.text) is (language == "es")


def test_the_part_that_refreshes(page: TestClient) -> None:
    found = page.get("/dashboard/now?lang=es")
    assert found.text.lstrip().startswith('<div id="now"')
    assert 'id="try"' not in found.text


def test_a_house_is_predicted_recorded_and_explained(page: TestClient) -> None:
    found = send(page, "/dashboard/house", ROW, **HTMX)
    assert found.status_code == 200
    (key,) = re.findall(r'data-id="([0-9a-f-]{36})"', found.text)
    price = page.post("/predict", json=ROW).json()["predicted_price"]
    assert f'<strong class="price">{price:.4g}</strong>' in found.text
    assert f'data-id="{key}"' in page.get("/").text
    assert page.post("/feedback", json={"id": key, "real_price": 9}).status_code == 200


def test_without_htmx_the_answer_is_a_whole_page(page: TestClient) -> None:
    found = send(page, "/dashboard/house?lang=es", {**ROW, "RM": "5,5"})
    assert found.text.startswith("<!doctype html>")
    assert 'lang="es"' in found.text
    assert 'value="5,5"' in found.text  # what was typed stays


def test_what_is_wrong_is_said_where_it_is_and_nothing_is_predicted(page: TestClient) -> None:
    for headers in ({}, HTMX):
        found = send(page, "/dashboard/house", {**ROW, "RM": "<script>x</script>"}, **headers)
        assert found.status_code == 422
        assert "This is no number." in found.text
        assert "<script>x" not in found.text
        assert found.text.count("aria-invalid") == found.text.count('id="house"') == 1
    assert found.headers["hx-retarget"] == "#try", "the form again, instead of the one before"
    assert found.text.lstrip().startswith('<section class="card" id="try"')
    assert "No prediction is on record yet." in page.get("/").text


def test_a_real_price_is_recorded_and_shown(page: TestClient) -> None:
    key = page.post("/predict", json=ROW).json()["id"]
    for price, says in (("33,5", "is recorded"), ("33.5", "before"), ("34", "corrected")):
        found = send(page, "/dashboard/price", {"id": key, "real_price": price}, **HTMX)
        assert (found.status_code, says in found.text) == (200, True)
    text = page.get("/").text
    assert text.count('class="spot"') == 1
    assert '<td class="number">34</td>' in text


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"real_price": "0"}, 422), ({"real_price": "-1"}, 422), ({"real_price": "dear"}, 422),
     ({"real_price": "1e39"}, 422), ({}, 422), ({"id": "x", "real_price": "2"}, 404)],
    ids=["zero", "negative", "a word", "too high", "nothing", "unknown id"],
)  # fmt: skip
def test_what_is_no_price_of_a_prediction_is_refused(
    page: TestClient, fields: dict[str, str], status: int
) -> None:
    key = page.post("/predict", json=ROW).json()["id"]
    found = send(page, "/dashboard/price", {"id": key, **fields})
    assert found.status_code == status
    assert 'role="alert"' in found.text


@pytest.mark.parametrize("body", [b"\xff", b"%ff=1", b"x" * 300_000, b"[1]"])
def test_no_body_is_a_bug(page: TestClient, body: bytes) -> None:
    for path in ("/dashboard/house", "/dashboard/price"):
        found = page.post(path, content=body, headers={"origin": ORIGIN})
        assert 400 <= found.status_code < 500


def test_one_of_the_newest_predictions_is_explained(
    page: TestClient, registry: ModelRegistry
) -> None:
    key = page.post("/predict", json=ROW).json()["id"]
    found = page.get(f"/dashboard/explain?id={key}", headers=HTMX)
    assert found.status_code == 200
    assert key in found.text
    gone = page.get("/dashboard/explain?id=0")
    assert gone.status_code == 404
    assert "newest predictions" in gone.text


def test_without_a_version_there_is_a_page_and_no_form(show: Show) -> None:
    client = show()
    found = client.get("/")
    assert found.status_code == 200
    assert "There is no version yet." in found.text
    assert 'id="house"' not in found.text
    assert send(client, "/dashboard/house", ROW).status_code == 503


def test_it_asks_for_the_features_of_what_is_served(tmp_path: Path, show: Show) -> None:
    add_version(ModelRegistry(tmp_path / "artifacts"), features=("a", "b & <c>"))
    text = show(data={"features": ["a", "b & <c>"], "target": "MEDV"}).get("/").text
    assert 'name="a"' in text
    assert 'name="b &amp; &lt;c&gt;"' in text
    assert 'name="RM"' not in text


def test_labels_in_doubt_are_counted(
    page: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The judgment is that of the command, of real prices that are predictions, or absurd."""
    folder = tmp_path / "judged"
    folder.mkdir()
    known = shuffled(0)
    loop = Loop(folder, known[:200])
    loop.live(known[200:300])
    ids = loop.predict(known[300:340])
    log = open_log(loop.settings().log.url, loop.settings().schema())
    rows = log.predictions(newest=40)
    log.close()
    assert list(rows.ids) == ids
    loop.label(ids, np.where(np.arange(40) < 30, rows.predicted, rows.predicted * 1000))
    found = result_of(status(loop.settings()), first="init").data
    judged = Snapshot(time.time(), 1.0, time.time(), msgspec.to_builtins(found))
    monkeypatch.setattr(Snapshots, "newest", lambda _: judged)
    shown = page.get("/")
    assert shown.status_code == 200
    for words, count in (("equal to the prediction, in doubt", 30), ("far off, in doubt", 10)):
        assert f"<dt>{words}</dt><dd>{count}</dd>" in shown.text


def test_where_nobody_may_look_no_judgment_is_made(
    registry: ModelRegistry, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def watch(self: Snapshots) -> None:
        asked.append("judged")

    monkeypatch.setattr(Snapshots, "watch", watch)
    show(serve={"host": "0.0.0.0"}).get("/healthz")
    assert asked == []
    show().get("/healthz")
    assert asked == ["judged"]
