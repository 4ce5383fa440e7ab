"""Routes, shipped and printed by `promote`, are held against the Gateway API's own schemas."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from housing_cli.config import load_settings
from housing_cli.loop.route import manifest
from housing_cli.show.route import yaml_of
from tests.system.gateway_api import complaints, needs_gateway_api
from tests.system.kustomize import built

pytestmark = [
    needs_gateway_api,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="no `kubectl`"),
]
NAMED = (
    "route.name=prices",
    "route.namespace=homes",
    "route.gateway=infra/shared",
    "route.hostnames=prices.example,*.prices.example",
)


def backend(route: dict[str, Any]) -> dict[str, Any]:
    return route["spec"]["rules"][0]["backendRefs"][1]  # type: ignore[no-any-return]


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a misspelt weight": (lambda r: backend(r).update(weigth=30), "weigth"),
    "a misspelt parent": (lambda r: r["spec"].update(parentRef=[]), "parentRef"),
    "a misspelt rule": (lambda r: r["spec"]["rules"][0].update(backends=[]), "backends"),
    "a misspelt namespace": (lambda r: r["metadata"].update(namespce="a"), "namespce"),
    "an unknown key at the top": (lambda r: r.update(weights=[1]), "weights"),
    "a weight in words": (lambda r: backend(r).update(weight="30"), "weight type"),
    "a weight with a fraction": (lambda r: backend(r).update(weight=0.5), "weight type"),
    "a weight below zero": (lambda r: backend(r).update(weight=-1), "weight minimum"),
    "a weight beyond all": (lambda r: backend(r).update(weight=1_000_001), "weight maximum"),
    "a backend without a name": (lambda r: backend(r).pop("name"), "name"),
    "a port that is none": (lambda r: backend(r).update(port=70_000), "port maximum"),
    "another kind": (lambda r: r.update(kind="HTTPRoutes"), "kind"),
    "a host name with a port": (lambda r: r["spec"].update(hostnames=["a:80"]), "hostnames"),
}


def printed(percent: float, *sets: str) -> Any:
    """Return the route as `housing promote --route print` prints it, read again."""
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(yaml_of(manifest(load_settings(None, {}, sets, {}), percent)))


def test_every_route_is_one_by_schema_and_by_key(tmp_path: Path) -> None:
    (tmp_path / "overlay").mkdir()
    (shipped,) = [
        item for item in built("split-outside", tmp_path / "overlay") if item["kind"] == "HTTPRoute"
    ]
    routes = [shipped, printed(0.0), printed(0.0001), printed(100.0), printed(12.5, *NAMED)]
    (tmp_path / "checked").mkdir()
    assert complaints(tmp_path / "checked", routes) == [[]] * len(routes)


def test_a_misspelt_key_and_a_wrong_type_are_found(tmp_path: Path) -> None:
    wrong = []
    for change, _ in WRONG.values():
        wrong.append(copy.deepcopy(printed(30.0, *NAMED)))
        change(wrong[-1])
    found = dict(zip(WRONG, complaints(tmp_path, wrong), strict=True))
    missed = {n: found[n] for n, (_, word) in WRONG.items() if word not in " ".join(found[n])}
    assert not missed


def test_the_shipped_route_is_the_printed_one(tmp_path: Path) -> None:
    (shipped,) = [item for item in built("split-outside", tmp_path) if item["kind"] == "HTTPRoute"]
    assert shipped["metadata"].pop("namespace") == "housing"
    assert shipped == printed(0.0)
