"""Grafana's own types, of the release that configs/compose.yaml runs, accept the dashboards."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.docker_engine import REPOSITORY

TOOLS = Path("/usr/local/lib/housing-tools")
MODULES = TOOLS / "node_modules"
DASHBOARDS = REPOSITORY / "configs/monitoring/grafana/dashboards"
OPTIONS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "preserve", "--pretty", "false")

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None
    or not (MODULES / "@grafana/schema").is_dir()
    or not (MODULES / "typescript").is_dir(),
    reason=f"no `node`, or no Grafana types in {TOOLS}; as root, .ci/tools installs both",
)

# `Dashboard` as it is, but for two things that it cannot say of a file:
# - JSON has no enums. TypeScript takes no "value" for `MappingType.ValueToText`, which is "value".
# - `DataQuery` is what every data source's query has. `AnnotationQuery` leaves the rest to its
#   parameter, which `Dashboard` does not set; Prometheus's `expr` is read from `target`.
SOURCE = """\
import type { AnnotationQuery, Dashboard, DataQuery } from "@grafana/schema";

type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Reloads = AnnotationQuery<DataQuery & { expr: string }>;
type Ours = Omit<Dashboard, "annotations"> & { annotations?: { list?: Reloads[] } };

export const dashboard: Partial<Json<Ours>> = %s;
"""

WRONG: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "an annotation's query beside its target": (("annotations", "list", 0, "expr"), "up"),
    "an annotation's target with no query": (("annotations", "list", 0, "target"), {"refId": "A"}),
    "an annotation with an unknown field": (("annotations", "list", 0, "colour"), "blue"),
    "a mapping of no known type": (
        ("panels", 0, "fieldConfig", "defaults", "mappings", 0, "type"),
        "values",
    ),
    "a mapping with an unknown field": (
        ("panels", 0, "fieldConfig", "defaults", "mappings", 0, "options", "0", "label"),
        "healthy",
    ),
    "a color's mode of no known name": (
        ("panels", 0, "fieldConfig", "defaults", "color"),
        {"mode": "rainbow"},
    ),
    "a panel with an unknown field": (("panels", 0, "datasources"), []),
    "a place with an unknown field": (("panels", 0, "gridPos", "width"), 4),
    "a dashboard with an unknown field": (("datasource",), "prometheus"),
    "a version of the wrong type": (("schemaVersion",), "39"),
}


def complaints(folder: Path, dashboards: dict[str, Any]) -> dict[str, str]:
    """Return what `tsc` says of each dashboard; nothing of those that it accepts."""
    (folder / "node_modules").symlink_to(MODULES)
    names = list(dashboards)
    for number, name in enumerate(names):
        text = json.dumps(dashboards[name], indent=1)
        (folder / f"{number}.ts").write_text(SOURCE % text)
    files = [f"{number}.ts" for number in range(len(names))]
    command = ["node", str(MODULES / "typescript/bin/tsc"), *OPTIONS, *files]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said: dict[str, str] = {}
    for line in done.stdout.splitlines():
        found = re.match(r"(\d+)\.ts\(", line)
        assert found or (said and line.startswith(" ")), done.stdout
        name = names[int(found[1])] if found else name
        said[name] = f"{said.get(name, '')}{line}\n"
    assert bool(said) == bool(done.returncode), done.stdout + done.stderr
    return said


def test_the_types_are_those_of_the_grafana_that_is_run() -> None:
    run = re.search(r"grafana/grafana:([\d.]+)", (REPOSITORY / "configs/compose.yaml").read_text())
    package = json.loads((MODULES / "@grafana/schema/package.json").read_text())
    assert run
    assert package["version"] == run[1]


def test_every_dashboard_is_of_grafanas_type(tmp_path: Path) -> None:
    dashboards = {path.name: json.loads(path.read_text()) for path in DASHBOARDS.glob("*.json")}
    assert dashboards
    assert complaints(tmp_path, dashboards) == {}


def test_a_wrong_dashboard_is_refused(tmp_path: Path) -> None:
    shipped = json.loads((DASHBOARDS / "housing.json").read_text())
    wrong = {}
    for name, (path, value) in WRONG.items():
        wrong[name] = copy.deepcopy(shipped)
        place = wrong[name]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    assert set(complaints(tmp_path, wrong)) == set(WRONG)
