"""The dashboard in a real browser: every state says its verdict, and does nothing it should not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.dashboard import (
    IMAGE,
    JUDGED,
    KEY,
    SCRIPT,
    STATES,
    Stages,
    damage,
    judged,
    label,
    moved,
    predict,
    shuffled,
)
from tests.system.processes import Server
from tests.system.watched import opened

WORDS = {
    "healthy": "Healthy",
    "degraded": "Degraded",
    "insufficient": "Too little evidence",
    "unknown": "Not judged",
}


@dataclass(frozen=True)
class Shown:
    """A state that is served; context: what the browser has to know."""

    name: str
    server: Server
    url: str
    context: dict[str, Any]


@pytest.fixture(scope="module", params=STATES)
def shown(request: pytest.FixtureRequest, stages: Stages) -> Iterator[Shown]:
    name: str = request.param
    known = {"http_credentials": {"username": "ana", "password": KEY}} if name == "keys" else {}
    with stages.get(name).serving(ready=STATES[name].ready) as server:
        server.wait_for(
            lambda: f'data-verdict="{STATES[name].verdict}"' in page_of(server), JUDGED / 1000
        )
        yield Shown(name, server, str(server.client.base_url), known)


def page_of(server: Server) -> str:
    """Return the page, which has the first judgment seconds after it was asked for it."""
    return server.client.get("/", auth=("ana", KEY)).text


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1440, "light"), (1440, "dark")])
def test_a_state_is_said_and_the_page_is_sound(
    shown: Shown, browser: Any, width: int, scheme: str
) -> None:
    verdict = STATES[shown.name].verdict
    window = {"width": width, "color_scheme": scheme, **shown.context}
    with opened(browser, shown.url, **window) as watched:
        judged(watched.page, verdict)
        assert WORDS[verdict] in watched.page.locator("#verdict").inner_text()
        watched.sound()
        ground = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(ground[4:].split(",")[0]) > 128) == (scheme == "light")


def test_a_state_is_said_without_javascript(shown: Shown, browser: Any) -> None:
    verdict = STATES[shown.name].verdict
    with opened(browser, shown.url, script=False, **shown.context) as watched:
        page = watched.page
        assert WORDS[verdict] in page.locator("#verdict").inner_text()
        assert page.locator("#offline").is_hidden()
        if verdict != "unknown":
            assert page.locator("#versions tbody tr").count() >= 1
        if shown.name not in {"new", "empty"}:
            assert page.locator("#newest tbody tr").count() >= 5
        watched.quiet()


@pytest.mark.parametrize("width", [390, 1440])
def test_a_state_is_said_in_spanish(shown: Shown, browser: Any, width: int) -> None:
    window = {"width": width, "locale": "es-ES", **shown.context}
    with opened(browser, shown.url, **window) as watched:
        page = watched.page
        judged(page, STATES[shown.name].verdict)
        assert page.locator("html").get_attribute("lang") == "es"
        watched.sound()
        page.locator("a.language").click()
        page.wait_for_selector('html[lang="en"]')
        assert WORDS[STATES[shown.name].verdict] in page.locator("#verdict").inner_text()
        page.locator("a.language").click()
        page.wait_for_selector('html[lang="es"]')


def test_a_state_has_headings_and_commands_and_can_be_printed(shown: Shown, browser: Any) -> None:
    with opened(browser, shown.url, color_scheme="dark", **shown.context) as watched:
        page = watched.page
        judged(page, STATES[shown.name].verdict)
        sections = page.locator("main section").all()
        assert len(sections) >= 10
        for section in sections:
            assert section.locator("h2").count() == 1, section.inner_html()[:300]
            assert section.locator("code.command").count() >= 1, section.inner_html()[:300]
        for command in page.locator("code.command").all():
            assert command.inner_text().split()[0] in {"housing", "curl", "python"}
        assert page.pdf(format="A4").startswith(b"%PDF")
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") in {
            "rgb(255, 255, 255)",
            "rgba(0, 0, 0, 0)",
        }
        assert page.locator("button:visible").count() == 0
        assert page.locator("#verdict").is_visible()
        for table in page.locator("details table").all():
            assert table.bounding_box()["height"] > 20, "what is folded is printed"


def test_markup_of_others_is_text(stages: Stages, browser: Any) -> None:
    with (
        stages.get("hostile").serving() as server,
        opened(browser, str(server.client.base_url)) as watched,
    ):
        page = watched.page
        judged(page, STATES["hostile"].verdict)
        assert SCRIPT in page.locator("#versions").inner_text(), "the tag"
        history = page.locator("#history").inner_text()
        assert SCRIPT in history, "the reason"
        assert IMAGE in history, "who it was, and another reason"
        page.locator("#newest a").first.click()
        page.wait_for_selector("#tried[data-id]")
        assert SCRIPT in page.locator("#tried").inner_text(), "a feature"
        assert "<b>zone</b>" in page.locator("#try").inner_text()
        assert page.locator("script:not([src])").count() == 0
        assert page.locator("img, main b, [onerror]").count() == 0
        assert page.title() != "stolen"
        watched.sound()


def test_a_promotion_is_seen_on_an_open_page(stages: Stages, browser: Any, tmp_path: Path) -> None:
    stage = stages.copy("retrained", tmp_path / "stage")
    with (
        stage.serving() as server,
        opened(browser, str(server.client.base_url)) as watched,
    ):
        page = watched.page
        judged(page, "degraded")
        assert page.locator("#over-time .move", has_text="v2").count() == 0
        stage.run("promote", "v2", "--reason", "large houses cost more")
        row = page.locator("#versions tr", has_text="large-houses")
        row.filter(has_text="production").wait_for()
        page.locator("#history", has_text="large houses cost more").wait_for()
        watched.sound()
        rows = shuffled()[400:]
        label(server, predict(server, rows), moved(rows))
        judged(page, "healthy", 2 * JUDGED)  # the judgment may have begun before
        assert page.locator("#over-time .move", has_text="v2").count() == 2, "error and bias"
        watched.sound()


@pytest.mark.parametrize(("alias", "said"), [("canary", "20"), ("shadow", "v2")])
def test_what_is_tried_is_shown(stages: Stages, browser: Any, alias: str, said: str) -> None:
    with (
        stages.get(alias).serving() as server,
        opened(browser, str(server.client.base_url)) as watched,
    ):
        judged(watched.page, "degraded")
        trials = watched.page.locator("#trials").inner_text()
        assert alias in trials.lower()
        assert "v2" in trials and said in trials
        command = watched.page.locator("#trials code.command", has_text=f"--{alias}")
        assert command.count() == 1


def test_a_log_that_cannot_be_read_is_said(stages: Stages, browser: Any, tmp_path: Path) -> None:
    stage = stages.copy("healthy", tmp_path / "stage")
    with stage.serving() as server:
        damage(stage)
        with opened(browser, str(server.client.base_url)) as watched:
            judged(watched.page, "unknown")
            verdict = watched.page.locator("#verdict", has_text="written for other columns")
            verdict.wait_for(timeout=JUDGED)
            assert "written for other columns" in watched.page.locator("#labels").inner_text()
            assert watched.page.locator("#versions tbody tr").count() == 1
            watched.sound()
