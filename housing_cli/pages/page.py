"""Self-contained HTML pages from the templates of this folder: nothing to load, no script.

Everything that is filled in is escaped, except what `fragment` returns.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from housing_cli.errors import ReportError
from housing_cli.files import write_output

TEMPLATES = Path(__file__).with_name("templates")


def render(template: str, **data: Any) -> str:
    """Return a page; `data` is plain: texts, numbers, lists, and fragments such as charts."""
    return _environment().get_template(template).render(data)


def fragment(template: str, **data: Any) -> Markup:
    """Return a part of a page, which other templates take as it is."""
    return Markup(render(template, **data))  # noqa: S704 - the template has escaped what it holds


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(cell=_cell, px=lambda value: f"{value:.1f}", g=lambda value: f"{value:g}")
    return made


def _cell(value: object) -> str:
    """Return what stands in a cell of a table."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write_page(path: Path, text: str) -> None:
    """Write a page. Raises `ReportError`."""
    try:
        write_output(path, text)
    except OSError as error:
        raise ReportError(
            f"report `{path}` cannot be written: {error.strerror}",
            "give a file in a folder that exists and that you may write to",
        ) from error
