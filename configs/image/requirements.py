"""Print the requirements of a `pyproject.toml`, without some: what an image installs."""

import argparse
import re
import sys
import tomllib
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("pyproject", type=Path)
parser.add_argument("--without", nargs="*", default=[], metavar="NAME")
options = parser.parse_args()

left_out = set(options.without)
for requirement in tomllib.loads(options.pyproject.read_text())["project"]["dependencies"]:
    name = re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]
    if name in left_out:
        left_out.remove(name)
    else:
        sys.stdout.write(f"{requirement}\n")
if left_out:  # a renamed dependency must not come back unnoticed
    parser.error(f"not among the dependencies: {', '.join(sorted(left_out))}")
