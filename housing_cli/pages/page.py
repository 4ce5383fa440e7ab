"""HTML from the templates of this folder: self-contained reports, and the dashboard's parts.

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
from housing_cli.pages.languages import LANGUAGES, translations
from housing_cli.words import chance, grouped, share_in_short, span

TEMPLATES = Path(__file__).with_name("templates")
STATIC = Path(__file__).with_name("static")
"""What a page loads that is no self-contained one; reports have the style sheet within them."""


def render(template: str, **data: Any) -> str:
    """Return a page; `data` is plain: texts, numbers, lists, and fragments such as charts.

    Its words are those of `data["language"]`, without which they are English.
    """
    return _environment(data.get("language", "en")).get_template(template).render(data)


def compiled(folder: str, language: str) -> list[str]:
    """Make the templates below `folder` ready for a language; return their names."""
    made = _environment(language)
    names = [name for name in made.list_templates() if name.startswith((folder, "charts/"))]
    return [made.get_template(name).name or "" for name in names]


def fragment(template: str, **data: Any) -> Markup:
    """Return a part of a page, which other templates take as it is."""
    return Markup(render(template, **data))  # noqa: S704 - the template has escaped what it holds


@lru_cache(maxsize=len(LANGUAGES))
def _environment(language: str) -> Environment:
    made: Any = Environment(
        loader=FileSystemLoader([TEMPLATES, STATIC]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translations(language), newstyle=True)
    made.filters.update(
        cell=_cell,
        px=lambda value: f"{value:.1f}",
        g=lambda value: f"{value:g}",
        figure=lambda value: "-" if value is None else grouped(value, 3),
        price=lambda value: "-" if value is None else grouped(value),
        signed=_signed,
        moment=_moment,
        span=span,
        share=lambda value: "-" if value is None else share_in_short(value),
        chance=chance,
    )
    return made  # type: ignore[no-any-return]


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{grouped(value, 3)}"


def _moment(when: str | None) -> str:
    """Return a time in ISO 8601, which is UTC, without its seconds."""
    return "-" if not when else when[:16].replace("T", " ")


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
