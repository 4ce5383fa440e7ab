"""The pages that people look at, in a real browser: screens, phones, paper; nothing is loaded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from housing_cli.loop.evaluate import evaluate
from housing_cli.show.card import write_card
from housing_cli.show.report import write_report
from tests.in_process import Loop, shuffled

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a report of each verdict, and a model card."""
    folder = tmp_path_factory.mktemp("pages")
    rows = shuffled(0)
    loop = Loop(folder, rows[:300])
    write_report(folder / "insufficient.html", evaluate(loop.settings()))
    loop.live(rows[300:400])
    write_report(folder / "healthy.html", evaluate(loop.settings()))
    loop.live(rows[400:].assign(RM=rows["RM"][400:] + 1), 1.4)
    write_report(folder / "degraded.html", evaluate(loop.settings(), drift_decides=True))
    loop.retrain(force=True)
    write_card(folder / "card.html", loop.registry, loop.registry.get("v2"))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield chromium
        chromium.close()


CONTRASTS = """() => {
  const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (c !== 'rgba(0, 0, 0, 0)') return c; }
    return 'rgb(255, 255, 255)'; };
  const texts = [...document.querySelectorAll('h1, h2, p, td, th, strong, svg text')];
  return texts.filter(e => e.textContent.trim()).map(e => {
    const style = getComputedStyle(e), ink = e.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    return {text: e.textContent.slice(0, 40), ratio: (a + 0.05) / (b + 0.05)}; });
}"""

NAMES = ["insufficient", "healthy", "degraded", "card"]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_stands_alone_and_fits(pages: Path, browser: Any, name: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    url = (pages / f"{name}.html").as_uri()
    page.goto(url)
    page.wait_for_timeout(100)
    assert said == []
    assert asked == [url]
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) == 0
    for drawing in page.query_selector_all("svg"):
        box = drawing.bounding_box()
        assert box["width"] > 200 and box["height"] > 30
    # No text of a chart is cut off by its frame.
    cut = page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(t => {"
        " const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();"
        " return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 3; })"
        ".map(t => t.textContent)"
    )
    assert cut == []
    # Nor is a table wider than its card.
    cut = page.evaluate(
        "[...document.querySelectorAll('.wide')].filter(t => t.scrollWidth > t.clientWidth + 1)"
        ".map(t => t.textContent.slice(0, 80))"
    )
    assert cut == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_words_can_be_read_by_day_and_by_night(
    pages: Path, browser: Any, name: str, scheme: str
) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto((pages / f"{name}.html").as_uri())
    found = page.evaluate(CONTRASTS)
    assert len(found) > 20
    # WCAG 2, level AA, of text of ordinary size.
    assert [one for one in found if one["ratio"] < 4.5] == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(ground[4:].split(",")[0]) > 128) == (scheme == "light")
    page.close()


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("insufficient", "Not judged"), ("healthy", "Healthy"), ("degraded", "Degraded")],
)
def test_the_verdict_is_the_first_thing_said(
    pages: Path, browser: Any, name: str, verdict: str
) -> None:
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    assert page.locator("strong").first.inner_text() == verdict
    page.close()


def test_a_degraded_report_shows_what_it_should(pages: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((pages / "degraded.html").as_uri())
    titles = page.locator("h2").all_inner_texts()
    assert titles == [
        "RMSE over time", "Bias over time", "Predicted and real prices", "Errors", "Figures",
        "Segments", "Drift against the training data", "Drift in words", "Versions", "Real prices",
    ]  # fmt: skip
    assert "RM moved up by" in page.locator(".warning").first.inner_text()
    page.close()


def test_the_pages_can_be_printed(pages: Path, browser: Any) -> None:
    for name in NAMES:
        page = browser.new_page()
        page.goto((pages / f"{name}.html").as_uri())
        paper = page.pdf(format="A4")
        assert paper.startswith(b"%PDF")
        page.close()
