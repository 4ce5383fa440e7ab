"""Step outputs and a summary in Markdown, where GitHub Actions asks for them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from housing_cli.files import write_output
from housing_cli.show.result import Cell, Result, text_of

VERBS = frozenset({"train", "evaluate", "retrain", "promote"})
"""What a workflow acts on; looking at the registry is no step of it."""


def write(result: Result) -> list[str]:
    """Append outputs and summary to the runner's files; return a warning for each that failed."""
    if result.command not in VERBS:
        return []
    texts = {"GITHUB_OUTPUT": _outputs, "GITHUB_STEP_SUMMARY": _markdown}
    asked = [(os.environ.get(name), make) for name, make in texts.items()]
    return [warning for path, make in asked if path for warning in _append(path, make(result))]


def _outputs(result: Result) -> str:
    values = {"status": result.status, "exit_code": int(result.exit_code), **result.outputs}
    return "".join(f"{key}={_one_line(value)}\n" for key, value in values.items())


def _markdown(result: Result) -> str:
    parts = [f"### housing {result.command}: {result.status}"]
    told = result.said or [""] * len(result.errors)
    parts.extend(map(_failed, result.errors, told))
    for block in result.show:
        if isinstance(block, str):
            # Two spaces at its end keep a line from being joined with the next one.
            parts.append("  \n".join(line.strip() for line in block.splitlines()))
        else:
            rows = [block.columns, ["---"] * len(block.columns), *block.rows]
            lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
            parts.append("\n".join(([f"**{block.title}**", ""] if block.title else []) + lines))
    return "\n\n".join(parts) + "\n\n"


def _failed(error: Mapping[str, str], said: str) -> str:
    """Return an error and its hint; said: as people read it, where its reasons are a list."""
    head, *reasons = said.splitlines() or [""]
    if not any(line.startswith("- ") for line in reasons):
        return f"**{error['message']}**\n\n{error['hint']}"
    listed = "  \n".join(reasons)
    return f"**{head.removeprefix('error: ')}**\n\n{listed}\n\n{error['hint']}"


def _escaped(cell: Cell) -> str:
    return _one_line(text_of(cell)).replace("|", "\\|")


def _one_line(value: Cell) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as workflows write it
    return " ".join(str("" if value is None else value).split())


def _append(path: str, text: str) -> list[str]:
    try:
        write_output(path, text, append=True)
    except OSError as error:
        return [f"warning: `{path}` cannot be written: {error.strerror}"]
    return []
