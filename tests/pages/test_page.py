"""Pages: escaped, complete, one document."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from housing_cli.errors import ReportError
from housing_cli.pages import charts
from housing_cli.pages.page import STATIC, TEMPLATES, compiled, fragment, render, write_page

EVIL = "<script>alert(1)</script>"
CARD = {
    "title": EVIL, "subtitle": EVIL, "baseline": [[EVIL, 1.0]], "errors": "", "intervals": None,
    "scatter": charts.scatter([(1, 2)], EVIL, EVIL),
    "importances": charts.bars([(EVIL, 1.0, EVIL, False)], charts.Line(1.0, EVIL, "limit")),
    "data": {"rows": 1, "copies": 1, "path": EVIL, "feedback_rows": 2, "dropped": {EVIL: 1}},
    "columns": [[EVIL, None, 1, 2.5, EVIL]], "units": False, "boston": True,
    "making": [[EVIL, EVIL]],
    "explained": {"exact": True, "rows": [[EVIL, EVIL, 1.0]]},
    "comparison": {"metric": EVIL, "rows": [[EVIL]], "wins": False, "reasons": [EVIL]},
}  # fmt: skip


def test_names_cannot_smuggle_markup() -> None:
    text = render("card.html", **CARD)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 12
    assert "<svg" in text  # a chart is escaped already, and taken as it is


def test_a_cell_is_short_and_numbers_stand_apart() -> None:
    text = render("card.html", **CARD | {"columns": [["x", None, 7, 1.23456, "y"]]})
    for label, cell in (("lowest", "-"), ("median", "7"), ("highest", "1.235")):
        assert f'<td data-label="{label}" class="number">{cell}</td>' in text
    assert '<td data-label="missing">y</td>' in text


def test_what_is_not_given_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError, match="making"):
        render("card.html", **{key: value for key, value in CARD.items() if key != "making"})


def test_every_template_ships_with_the_package_and_can_be_read() -> None:
    names = {str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*.*")}
    assert {"page.html", "report.html", "card.html", "charts/gauge.svg"} <= names
    assert {"style.css", "dashboard.css", "htmx.min.js"} <= {f.name for f in STATIC.iterdir()}
    assert fragment("style.css").count("{") == fragment("style.css").count("}")


def test_templates_are_made_ready_by_folder() -> None:
    names = compiled("dashboard/", "es")
    assert {"dashboard/page.html", "dashboard/now.html", "charts/over_time.svg"} <= set(names)
    assert "report.html" not in names


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="No such file or directory"):
        write_page(tmp_path / "no" / "page.html", "")
