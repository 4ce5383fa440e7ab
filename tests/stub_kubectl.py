"""A `kubectl` that holds one route in a file and changes it by JSON patches, as a cluster would.

Its folder has `route.json`, the route; `calls.jsonl`, the words of each call; and `fail` while it
fails: what it says, and in the first line what the calls that fail have in their words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SCRIPT = """\
#!{python}
import json, os, pathlib, sys

here = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (here / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps(words) + "\\n")
fail = here / "fail"
if fail.exists():
    only, _, text = fail.read_text().partition("\\n")
    if not only or any(only in word for word in words):
        sys.exit(text)
route = json.loads((here / "route.json").read_text())
if words[:2] != ["patch", "httproutes.gateway.networking.k8s.io"]:
    sys.exit("error: unknown command " + repr(words))
if words[2] != route["metadata"]["name"]:
    sys.exit('Error from server (NotFound): httproutes "' + words[2] + '" not found')
(change,) = [w.partition("=")[2] for w in words if w.startswith("--patch=")]
for step in json.loads(change):
    *path, last = [int(p) if p.isdigit() else p for p in step["path"].split("/")[1:]]
    place = route
    for part in path:
        place = place[part]
    if step["op"] == "test" and place[last] != step["value"]:
        sys.exit("The request is invalid: the server rejected our request: testing value failed")
    if step["op"] == "add":
        place[last] = step["value"]
if "--dry-run=server" not in words:
    (here / "new.json").write_text(json.dumps(route))
    os.replace(here / "new.json", here / "route.json")
print("httproute.gateway.networking.k8s.io/" + words[2] + " patched")
"""


class Kubectl:
    """The folder of such a program."""

    def __init__(self, folder: Path, route: dict[str, Any]) -> None:
        folder.mkdir()
        self.folder = folder
        (folder / "route.json").write_text(json.dumps(route))
        program = folder / "kubectl"
        program.write_text(SCRIPT.format(python=sys.executable))
        program.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """The words of each call; dry runs among them."""
        file = self.folder / "calls.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def route(self) -> dict[str, Any]:
        """The route as it is now."""
        return json.loads((self.folder / "route.json").read_text())  # type: ignore[no-any-return]

    @property
    def weights(self) -> list[int]:
        """The weights of its backends."""
        return [ref["weight"] for ref in self.route["spec"]["rules"][0]["backendRefs"]]

    def fail(self, text: str, only: str = "") -> None:
        """Fail from now on, with `text`. only: calls that have a word with this in it."""
        (self.folder / "fail").write_text(f"{only}\n{text}")

    def recover(self) -> None:
        """Fail no more."""
        (self.folder / "fail").unlink()
