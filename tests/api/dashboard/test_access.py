"""Who sees the page: this machine, or who has a key; forms come from the page alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from housing_cli.api.dashboard.access import (
    Access,
    host_of,
    is_in_process,
    is_loopback,
    is_same_origin,
)
from housing_cli.api.http.auth import ApiKeys
from housing_cli.config.settings import Serve
from housing_cli.registry import ModelRegistry

Show = Callable[..., TestClient]
PATHS = ("/", "/dashboard/now", "/dashboard/explain?id=x")


@pytest.mark.parametrize("path", PATHS)
def test_this_machine_sees_it(page: TestClient, path: str) -> None:
    assert page.get(path).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "base_url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:8000"]
)
def test_by_any_of_its_own_names(registry: ModelRegistry, show: Show, base_url: str) -> None:
    assert show(base_url).get("/").status_code == 200


@pytest.mark.parametrize("path", [*PATHS, "/dashboard/static/style.css"])
@pytest.mark.parametrize(
    ("base_url", "sections"),
    [
        ("http://127.0.0.1:8000", {"serve": {"host": "0.0.0.0"}}),
        ("http://192.168.0.7:8000", {}),
        ("http://127.0.0.1:8000", {"serve": {"dashboard": False}}),
        ("http://127.0.0.1:8000", {"serve": {"dashboard": False}, "api": {"keys": ["k"]}}),
    ],
    ids=["listens to all", "asked from afar", "off", "off, with keys"],
)
def test_elsewhere_there_is_no_page(
    registry: ModelRegistry, show: Show, path: str, base_url: str, sections: dict[str, Any]
) -> None:
    found = show(base_url, **sections).get(path, auth=("me", "k"))
    assert found.status_code == 404
    assert "dashboard" in found.json()["detail"]


@pytest.mark.parametrize(
    ("host", "on", "keys", "possible"),
    [("127.0.0.1", True, (), True), ("0.0.0.0", True, (), False), ("0.0.0.0", True, ("k",), True),
     ("127.0.0.1", False, ("k",), False)],
)  # fmt: skip
def test_where_nobody_may_look_nothing_is_judged(
    host: str, on: bool, keys: tuple[str, ...], possible: bool
) -> None:
    assert Access(Serve(host=host, dashboard=on), ApiKeys(keys, None)).possible is possible


def test_a_name_that_somebody_let_point_here_reads_nothing(page: TestClient) -> None:
    assert page.get("/", headers={"host": "rebound.example"}).status_code == 404


def test_with_keys_it_wants_one_as_a_password(registry: ModelRegistry, show: Show) -> None:
    client = show("http://prices.example", serve={"host": "0.0.0.0"}, api={"keys": ["clé"]})
    refused = client.get("/")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith('Basic realm="housing"')
    assert client.get("/", auth=("anybody", "clé".encode())).status_code == 200
    for wrong in ("", "cle", "clé "):
        assert client.get("/", auth=("clé".encode(), wrong.encode())).status_code == 401
    for header in ("Basic", "Basic %%%", "Bearer wrong", "Basic Y2w="):
        assert client.get("/", headers={"authorization": header}).status_code == 401
    assert client.get("/", headers={"x-api-key": "clé".encode()}).status_code == 200


def test_keys_count_on_this_machine_too(registry: ModelRegistry, show: Show) -> None:
    """A proxy in front of it would let the world in."""
    assert show(api={"keys": ["key"]}).get("/").status_code == 401


@pytest.mark.parametrize("path", ["/dashboard/house", "/dashboard/price"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1:8000"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=["says nothing", "elsewhere", "hidden", "cross-site", "same-site"],
)
def test_forms_of_others_are_refused(page: TestClient, path: str, headers: dict[str, str]) -> None:
    assert page.post(path, content=b"id=1&real_price=2", headers=headers).status_code == 403


def test_what_browsers_say_of_our_own_forms() -> None:
    host = (b"host", b"127.0.0.1:8000")
    assert is_same_origin(dict([host, (b"origin", b"http://127.0.0.1:8000")]))
    assert is_same_origin({b"sec-fetch-site": b"same-origin"})
    assert not is_same_origin(dict([host, (b"origin", b"http://127.0.0.1:9000")]))


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("LOCALHOST.", True), ("0.0.0.0", False), ("10.0.0.1", False), ("localhost.evil.org", False),
     ("", False), ("127.0.0.1.evil.org", False)],
)  # fmt: skip
def test_addresses_of_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) is local


def test_a_test_client_without_a_connection_sees_it(registry: ModelRegistry, show: Show) -> None:
    assert show("http://testserver").get("/").status_code == 200
    assert show("http://testserver", serve={"host": "0.0.0.0"}).get("/").status_code == 404


@pytest.mark.parametrize(
    ("server", "inside"),
    [(("testserver", 80), True), (("127.0.0.1", 80), False), (("::1", 80), False),
     (("10.0.0.1", 80), False), (("/run/housing.sock", None), False), (None, False)],
)  # fmt: skip
def test_connections_come_in_on_addresses(
    server: tuple[str, int | None] | None, inside: bool
) -> None:
    assert is_in_process(server) is inside


def test_the_port_of_a_host_is_no_part_of_its_name() -> None:
    asked = ["localhost:80", "[::1]:8000", "[::1]", "127.0.0.1"]
    assert [host_of(one) for one in asked] == ["localhost", "::1", "::1", "127.0.0.1"]
