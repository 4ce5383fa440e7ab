"""The Gateway API's own schemas and types, which say whether an `HTTPRoute` is one.

The schemas check types, ranges and what is required, but accept keys that they do not know, as does
a cluster that prunes them: `weigth: 30` would be no weight. TypeScript refuses such a key in an
object that is written out, at any depth, by the types that come with the schemas.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

MODULES = Path("/usr/local/lib/housing-tools/node_modules")
PACKAGE = "@kubernetes-models/gateway-api"
ROUTE = f"{PACKAGE}/gateway.networking.k8s.io/v1"
COMPILER = MODULES / "typescript/bin/tsc"
OPTIONS = ("--noEmit", "--strict", "--skipLibCheck", "--module", "preserve", "--pretty", "false")
KEYS = 'import type {{ IHTTPRoute }} from "{0}";\n\nexport const route: IHTTPRoute = {1};\n'
CHECK = """\
import {{ validate }} from "{0}/_schemas/IoK8sSigsGatewayApiApisV1HTTPRoute";
import {{ readFileSync }} from "node:fs";

const said = JSON.parse(readFileSync("routes.json", "utf8")).map((route) =>
  validate(route) ? [] : validate.errors.map((error) => error.instancePath + " " + error.keyword));
console.log(JSON.stringify(said));
"""

needs_gateway_api = pytest.mark.skipif(
    shutil.which("node") is None or not (MODULES / PACKAGE).is_dir() or not COMPILER.is_file(),
    reason="no `node`, or no types of the Gateway API; as root, .ci/tools installs both",
)


def complaints(folder: Path, routes: Sequence[Any]) -> list[list[str]]:
    """Return what is wrong with each route, by the schemas and by the types; nothing where it is
    one. folder: an empty one to work in.
    """
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "routes.json").write_text(json.dumps(routes))
    (folder / "check.mjs").write_text(CHECK.format(PACKAGE))
    done = subprocess.run(
        ["node", "check.mjs"], cwd=folder, capture_output=True, text=True, check=True
    )
    said: list[list[str]] = json.loads(done.stdout)
    for number, route in enumerate(routes):
        source = KEYS.format(ROUTE, json.dumps(route, indent=1))
        (folder / f"{number}.ts").write_text(source)
    files = [f"{number}.ts" for number in range(len(routes))]
    typed = subprocess.run(
        ["node", str(COMPILER), *OPTIONS, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"^(\d+)\.ts\(.*?: (error .*)$", typed.stdout, re.MULTILINE)
    assert bool(found) == bool(typed.returncode), typed.stdout + typed.stderr
    for number, text in found:
        said[int(number)].append(text)
    return said
