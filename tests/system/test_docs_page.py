"""The documentation page in a real browser, which reaches nothing but this server."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.system.processes import serving

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
OPERATIONS = {
    "POST /predict",
    "POST /predict/batch",
    "POST /feedback",
    "POST /explain",
    "GET /healthz",
    "GET /readyz",
    "GET /version",
    "GET /metrics",
}


def test_the_docs_page_renders_and_tries_out(artifacts: Path, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if BROWSER is None:
        pytest.skip("no Chromium is installed")
    problems: list[str] = []
    requested: list[str] = []
    with serving(artifacts.parent) as server, sync_api.sync_playwright() as playwright:
        host = str(server.client.base_url).rstrip("/")
        browser = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 1400})
            page.on("request", lambda request: requested.append(request.url))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda message: _note(message, problems))
            page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
            page.on(
                "response",
                lambda answer: problems.append(answer.url) if answer.status >= 400 else None,
            )
            page.goto(f"{host}/docs", wait_until="networkidle")
            page.wait_for_selector(".opblock-summary")
            found = {
                " ".join(block.inner_text().replace("\u200b", "").split()[:2])
                for block in page.locator(".opblock-summary").all()
            }
            page.screenshot(path=tmp_path / "docs.png", full_page=True)
            answer = _try_out(page, "/healthz")
            priced = _try_out(page, "/predict")
        finally:
            browser.close()
    if keep := os.environ.get("TEST_SCREENSHOTS"):
        shutil.copy(tmp_path / "docs.png", keep)
    assert found == OPERATIONS
    assert '"status": "ok"' in answer
    assert (
        json.loads(priced[priced.index("{") :])["predicted_price"] > 5
    )  # a usual house, as the page fills it in
    assert not problems
    elsewhere = [url for url in requested if not url.startswith((f"{host}/", "data:"))]
    assert f"{host}/openapi.json" in requested
    assert not elsewhere


def _try_out(page: Any, path: str) -> str:
    """Send a request from the page as it is; return the body of the answer that it shows."""
    block = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))
    block.locator(".opblock-summary").click()
    block.locator(".try-out__btn").click()
    block.locator(".execute").click()
    live = block.locator(".live-responses-table .response-col_description .highlight-code")
    return str(live.first.inner_text(timeout=10_000))


def _note(message: Any, problems: list[str]) -> None:
    if message.type in {"error", "warning"}:
        problems.append(message.text)
