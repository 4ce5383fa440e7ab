"""List the tests that failed in a JUnit report, a node id a line: `python -m tests.failed FILE`."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def failed(report: Path) -> list[str]:
    """Return the ids of the tests with a failure or an error, each once, as pytest takes them."""
    found: dict[str, None] = {}
    for case in ET.parse(report).iter("testcase"):
        if case.find("failure") is None and case.find("error") is None:
            continue
        parts = (case.get("classname") or "").split(".")
        classes = [part for part in parts if part[:1].isupper()]
        file = "/".join(parts[: len(parts) - len(classes)]) + ".py"
        found["::".join((file, *classes, case.get("name") or ""))] = None
    return list(found)


if __name__ == "__main__":
    print("\n".join(failed(Path(sys.argv[1]))))
