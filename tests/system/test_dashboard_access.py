"""Who sees the dashboard, what survives a restart, and what other pages cannot make it do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.system.dashboard import KEY, Stages, judged
from tests.system.watched import opened

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PATHS = ("/", "/dashboard/now", "/dashboard/explain?id=x", "/dashboard/static/style.css")


def test_nobody_without_a_key_sees_anything(stages: Stages) -> None:
    with stages.get("keys").serving() as server:
        client = server.client
        for path in PATHS:
            for auth in (None, ("ana", "wrong"), ("ana", ""), (KEY, "")):
                answer = client.get(path, auth=auth)
                assert answer.status_code == 401, path
                assert answer.headers["www-authenticate"].startswith("Basic ")
                assert "verdict" not in answer.text
        for name in ("ana", "", "anyone"):
            assert client.get("/", auth=(name, KEY)).status_code == 200
        forged = client.post("/dashboard/house", auth=("ana", KEY), content=b"RM=6")
        assert forged.status_code == 403


def test_a_browser_asks_for_the_key(stages: Stages, browser: Any) -> None:
    with stages.get("keys").serving() as server:
        url = str(server.client.base_url)
        wrong = {"username": "ana", "password": "wrong"}
        with opened(browser, url, http_credentials=wrong) as watched:
            assert watched.page.locator("#verdict").count() == 0
            assert watched.elsewhere == []
        right = {"username": "ana", "password": KEY}
        with opened(browser, url, http_credentials=right) as watched:
            page = watched.page
            judged(page, "healthy")
            page.locator("#house [type=submit]").click()
            page.wait_for_selector("#tried[data-id]")
            watched.sound()


@pytest.mark.parametrize(
    "words",
    [("--set", "serve.dashboard=false"), ("--host", "0.0.0.0")],
    ids=["off", "another address"],
)
def test_there_is_no_page(stages: Stages, words: tuple[str, ...]) -> None:
    with stages.get("healthy").serving(*words) as server:
        url = f"http://127.0.0.1:{server.client.base_url.port}"
        for path in PATHS:
            assert server.client.get(f"{url}{path}").status_code == 404, path
        for path in ("/dashboard/house", "/dashboard/price"):
            answer = server.client.post(f"{url}{path}", headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code == 404


def test_another_address_has_a_page_behind_keys(stages: Stages) -> None:
    with stages.get("keys").serving("--host", "0.0.0.0") as server:
        url = f"http://127.0.0.1:{server.client.base_url.port}/"
        assert server.client.get(url).status_code == 401
        assert server.client.get(url, auth=("", KEY)).status_code == 200


def test_names_that_others_point_here_show_nothing(stages: Stages) -> None:
    with stages.get("healthy").serving() as server:
        port = server.client.base_url.port
        for host, status in {
            f"localhost:{port}": 200, f"127.0.0.1:{port}": 200, f"rebound.example:{port}": 404,
            "rebound.example": 404, f"127.0.0.1.rebound.example:{port}": 404,
        }.items():  # fmt: skip
            assert server.client.get("/", headers={"Host": host}).status_code == status, host


def test_answers_carry_the_policy_and_stay_out_of_the_api(stages: Stages) -> None:
    with stages.get("healthy").serving() as server:
        for path in ("/", "/dashboard/now"):
            answer = server.client.get(path)
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-type"].startswith("text/html")
        documented = server.client.get("/openapi.json").json()["paths"]
        assert not [path for path in documented if path == "/" or "dashboard" in path]


@contextmanager
def other_page(body: str) -> Iterator[str]:
    """Serve a page of somebody else, at another port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("path", ["house", "price"])
def test_a_form_of_another_page_is_refused(
    stages: Stages, browser: Any, tmp_path: Path, path: str
) -> None:
    stage = stages.copy("keys", tmp_path / "stage")
    lines = [
        (stage.folder / "logs" / f"{name}.csv").read_bytes() for name in ("predictions", "feedback")
    ]
    with stage.serving() as server:
        url = str(server.client.base_url)
        form = (
            f'<form method="post" action="{url}/dashboard/{path}">'
            '<input name="RM" value="6"><input name="real_price" value="1"><button>win</button>'
            "</form>"
        )
        known: dict[str, Any] = {"http_credentials": {"username": "ana", "password": KEY}}
        with other_page(form) as theirs, opened(browser, theirs, **known) as watched:
            with watched.page.expect_response(lambda answer: "/dashboard/" in answer.url) as told:
                watched.page.locator("button").click()
            assert told.value.status == 403
        framed = f'<iframe src="{url}/"></iframe>'
        with other_page(framed) as theirs, opened(browser, theirs, **known) as watched:
            watched.page.wait_for_timeout(500)
            inside = watched.page.frames[-1]
            assert inside.locator("#verdict").count() == 0
    assert lines == [
        (stage.folder / "logs" / f"{name}.csv").read_bytes() for name in ("predictions", "feedback")
    ]


def test_an_open_page_survives_a_restart(stages: Stages, browser: Any, tmp_path: Path) -> None:
    stage = stages.copy("degraded", tmp_path / "stage")
    with ExitStack() as stack:
        with stage.serving() as server:
            url, port = str(server.client.base_url), str(server.client.base_url.port)
            watched = stack.enter_context(opened(browser, url))
            page = watched.page
            judged(page, "degraded")
            assert page.locator("#offline").is_hidden()
            assert server.stop() == 0
        page.locator("#offline").wait_for(state="visible")
        assert page.locator("#verdict").is_visible(), "what was known stays"
        assert watched.axe() == []
        before = page.locator("#age").get_attribute("data-at")
        with stage.serving("--port", port):
            page.locator("#offline").wait_for(state="hidden")
            assert page.locator("#verdict").get_attribute("data-verdict") == "degraded"
            assert page.locator("#age").get_attribute("data-at") == before, "a judgment is kept"
            page.locator("#house [type=submit]").click()
            page.wait_for_selector("#tried[data-id]")
            # Browser and htmx note that nobody answered.
            asked = ("net::ERR_", "error: htmx:")
            assert [one for one in watched.said if not any(word in one for word in asked)] == []
            assert watched.elsewhere == []
            assert watched.axe() == []
