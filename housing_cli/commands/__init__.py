"""One file a verb: parse, call, return a Result.

A verb is a module of its name with `command` and `EXAMPLE`, or with `app` where it has verbs of its
own. What is no verb is named in `SHARED`.
"""

from pathlib import Path

LOOP = ("train", "evaluate", "retrain", "serve", "promote", "registry")
SHARED = frozenset({"__init__", "completing", "installation", "options", "values"})


def verbs() -> list[str]:
    """Return the names of the verbs: those of the loop first, then the others by name."""
    found = {file.stem for file in Path(__file__).parent.glob("*.py")} - SHARED
    return [*LOOP, *sorted(found.difference(LOOP))]
