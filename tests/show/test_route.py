"""A route as YAML, and what is said around it."""

from __future__ import annotations

from typing import Any

import pytest

from housing_cli.config import Settings
from housing_cli.errors import RouteError
from housing_cli.loop.route import manifest
from housing_cli.registry.trials import Trial
from housing_cli.show.result import Result
from housing_cli.show.route import routed, standing, untold, yaml_of

yaml = pytest.importorskip("yaml")
TRIAL = Trial("canary", "v8", "2026-11-28T12:00:00.000Z", 12.5, 7)


@pytest.mark.parametrize(
    "value",
    [
        manifest(Settings(), 12.5),
        {"a": "yes", "b": "null", "c": "1", "d": "", "e": "x: y", "f": "*.example", "g": "ü\n"},
        {"a": [1, 2.5, True, None, "on"], "b": {}, "c": [], "d": [[1, [2]], {"x": [{"y": 1}]}]},
        {"a": {"b": {"c": [{"d": {"e": 1}, "f": 2}, {"g": []}]}}},
    ],
)
def test_yaml_reads_as_what_was_written(value: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_of(value)) == value


def test_a_printed_route_stands_alone_and_the_rest_is_said_beside_it() -> None:
    moved = Result("promote", {"to": "v8"}, show=["canary is v8"], notes=["next: look"])
    route = manifest(Settings(), 10.0)
    printed = routed(moved, route, (9000, 1000), applied=False)
    (text,) = printed.show
    assert yaml.safe_load(str(text)) == route
    assert printed.notes == ["canary is v8", "next: look"]
    assert printed.data["to"] == "v8"
    assert printed.data["route"]["manifest"] == route
    told = routed(moved, route, (9000, 1000), applied=True)
    assert told.show == ["canary is v8", "route `housing` gives the canary 10% of the requests"]
    assert told.notes == ["next: look"]
    assert told.data["route"]["applied"] is True


def test_a_route_follows_what_stands() -> None:
    there = standing(TRIAL)
    assert there.show == ["canary is v8, 12.5% of the rows"]
    assert (there.data["to"], there.data["weight"], there.data["changed"]) == ("v8", 12.5, False)
    none = standing(None)
    assert none.show == ["no canary"]
    assert (none.data["version"], none.data["weight"]) == (None, None)


def test_what_moved_is_said_where_the_route_did_not() -> None:
    moved = Result("promote", {"to": "v8"}, show=["canary is v8"])
    error = untold(moved, RouteError("`kubectl` says: no", "ask"), " --config a.toml")
    assert error.message == "canary is v8, but not the route: `kubectl` says: no"
    assert error.hint == "ask; `housing promote --route apply --config a.toml` tells it again"
    assert error.evidence == {"to": "v8"}
