"""The paths, what goes with every page, and its files."""

from __future__ import annotations

import re
from collections.abc import Callable

from fastapi.testclient import TestClient

from housing_cli.registry import ModelRegistry

Show = Callable[..., TestClient]


def test_a_strict_policy_and_nothing_from_elsewhere(page: TestClient) -> None:
    found = page.get("/")
    policy = found.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert found.headers["referrer-policy"] == "same-origin"
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", found.text)
    assert set(re.findall(r"https?://[^\s\"'<]+", found.text)) <= {
        "http://127.0.0.1:8000/metrics", "http://127.0.0.1:8000/explain",
    }  # fmt: skip


def test_its_files_are_kept_by_browsers(page: TestClient) -> None:
    text = page.get("/").text
    files = re.findall(r'(?:href|src)="(/dashboard/static/[^"]+)"', text)
    assert len(files) == 5
    for file in files:
        found = page.get(file)
        assert found.status_code == 200, file
        assert "immutable" in found.headers["cache-control"]
        assert found.headers["x-content-type-options"] == "nosniff"


def test_behind_a_proxy_every_address_has_its_prefix(registry: ModelRegistry, show: Show) -> None:
    text = show(serve={"root_path": "/prices"}).get("/").text
    addresses = re.findall(r'(?:href|src|action|hx-get|hx-post)="(/[^"]*)"', text)
    assert len(addresses) > 8
    assert all(address.startswith("/prices/") for address in addresses)


def test_it_is_no_part_of_the_api(page: TestClient) -> None:
    paths = page.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if path == "/" or path.startswith("/dashboard")]
