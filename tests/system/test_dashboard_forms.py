"""A house by hand: form, price, what moved it, its real price, and the new point on the plot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.system.dashboard import SCRIPT, Stage, Stages, judged
from tests.system.processes import Server
from tests.system.watched import Watched, opened


@pytest.fixture
def stage(stages: Stages, tmp_path: Path) -> Stage:
    return stages.copy("healthy", tmp_path / "stage")


@pytest.fixture
def server(stage: Stage) -> Iterator[Server]:
    with stage.serving() as server:
        yield server


@pytest.fixture
def url(server: Server) -> str:
    return str(server.client.base_url)


def field(watched: Watched, name: str) -> Any:
    """Return the field of a feature."""
    return watched.page.locator(f'#house [name="{name}"]')


def spots(watched: Watched) -> int:
    """Return how many points the plot has."""
    count: int = watched.page.locator("#predicted-real circle.spot").count()
    return count


def logged(stage: Stage, file: str) -> pd.Series:
    """Return the last line of a file of the log."""
    return pd.read_csv(stage.folder / "logs" / f"{file}.csv").iloc[-1]


@pytest.mark.parametrize("script", [True, False], ids=["script", "without script"])
def test_a_house_is_priced_explained_and_labeled(
    stage: Stage, url: str, browser: Any, script: bool
) -> None:
    with opened(browser, url, script=script) as watched:
        page = watched.page
        before = spots(watched)
        field(watched, "RM").fill("6.75")
        field(watched, "AGE").fill("")
        page.locator("#house [type=submit]").click()
        page.wait_for_selector("#tried[data-id]")
        name = page.locator("#tried").get_attribute("data-id")
        made = logged(stage, "predictions")
        assert (made["id"], made["RM"]) == (name, 6.75)
        assert pd.isna(made["AGE"]), "an empty field is a missing value"
        tried = page.locator("#tried").inner_text()
        assert f"{made['predicted_price']:.1f}"[:-1] in tried
        parts = page.locator("#tried table")
        assert "RM" in parts.inner_text() and "AGE" in parts.inner_text()
        if script:
            watched.sound()

        page.locator("#price input[name=real_price]").fill("31.5")
        page.locator("#price [type=submit]").click()
        page.wait_for_function(
            "n => document.querySelectorAll('#predicted-real circle.spot').length === n",
            arg=before + 1,
        ) if script else page.wait_for_load_state()
        assert spots(watched) == before + 1
        labeled = logged(stage, "feedback")
        assert (labeled["id"], labeled["real_price"]) == (name, 31.5)
        newest = page.locator(f'#newest tr:has(a[href*="{name}"])')
        newest.wait_for()
        assert "31.5" in newest.inner_text()
        if script:
            watched.sound()
        else:
            watched.quiet()


def test_the_form_names_units_limits_and_values_to_begin_with(
    stages: Stages, browser: Any, url: str
) -> None:
    with opened(browser, url) as watched:
        for name in ("RM", "LSTAT", "TAX"):
            assert float(field(watched, name).input_value()) > 0, "an example"
            assert watched.page.locator(f'label:has-text("{name}")').count() >= 1
    with (
        stages.get("hostile").serving() as server,
        opened(browser, str(server.client.base_url)) as watched,
    ):
        words = field(watched, "street").locator("option").all_inner_texts()
        assert SCRIPT in words, "the words of a category are a choice"


@pytest.mark.parametrize("script", [True, False], ids=["script", "without script"])
@pytest.mark.parametrize(
    ("name", "typed"), [("RM", "many"), ("RM", "1e999"), ("TAX", "nan!"), ("RM", SCRIPT)]
)
def test_what_is_no_house_is_refused_in_words(
    stage: Stage, url: str, browser: Any, name: str, typed: str, script: bool
) -> None:
    before = logged(stage, "predictions")["id"]
    with opened(browser, url, script=script) as watched:
        page = watched.page
        # A browser refuses some of this by itself.
        page.locator("#house").evaluate("form => { form.noValidate = true; }")
        field(watched, name).evaluate("(e, text) => { e.type = 'text'; e.value = text; }", typed)
        page.locator("#house [type=submit]").click()
        wrong = field(watched, name).and_(page.locator("[aria-invalid=true]"))
        wrong.wait_for()
        assert page.locator("#tried[data-id]").count() == 0
        assert field(watched, "LSTAT").input_value() != "", "what was typed is kept"
        assert watched.elsewhere == []
        if script:
            assert watched.page.evaluate("window.stolen") is None
            assert watched.axe() == []
    assert logged(stage, "predictions")["id"] == before


def test_a_recorded_price_is_explained_by_its_link(url: str, browser: Any) -> None:
    for script in (True, False):
        with opened(browser, url, script=script) as watched:
            link = watched.page.locator("#newest a").nth(3)
            name = (link.get_attribute("href") or "").split("id=")[1].split("&")[0]
            link.click()
            watched.page.wait_for_selector(f'#tried[data-id="{name}"]')
            assert "LSTAT" in watched.page.locator("#tried table").inner_text()
            watched.quiet()


def test_the_keyboard_is_enough(stage: Stage, url: str, browser: Any) -> None:
    with opened(browser, url, width=390) as watched:
        page = watched.page
        judged(page, "healthy")
        inside = "document.activeElement.closest('#house') !== null"
        named = "document.activeElement.name"
        for _ in range(150):
            page.keyboard.press("Tab")
            if page.evaluate(inside) and page.evaluate(named) == "RM":
                break
            if page.evaluate("document.activeElement !== document.body"):
                assert page.evaluate(
                    "(style => style.outlineStyle !== 'none' || style.boxShadow !== 'none')"
                    "(getComputedStyle(document.activeElement))"
                ), "one sees where one is"
        assert page.evaluate(named) == "RM"
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("7.25")
        page.keyboard.press("Enter")
        page.wait_for_selector("#tried[data-id]")
        assert logged(stage, "predictions")["RM"] == 7.25
        for _ in range(150):
            page.keyboard.press("Tab")
            if page.evaluate(named) == "real_price":
                break
        page.keyboard.type("40")
        page.keyboard.press("Enter")
        page.locator('#newest tr:has-text("40")').first.wait_for()
        assert logged(stage, "feedback")["real_price"] == 40
        watched.sound()


def test_what_one_types_outlives_a_refresh(url: str, browser: Any) -> None:
    with opened(browser, url) as watched:
        page = watched.page
        field(watched, "RM").fill("8.125")
        with page.expect_response(lambda answer: "/dashboard/now" in answer.url, timeout=20_000):
            pass
        page.wait_for_timeout(300)
        assert field(watched, "RM").input_value() == "8.125"
        assert page.evaluate("document.activeElement.name") == "RM"
        watched.sound()


def test_a_command_is_copied(url: str, browser: Any) -> None:
    with opened(browser, url, permissions=["clipboard-read", "clipboard-write"]) as watched:
        page = watched.page
        judged(page, "healthy")
        section = page.locator("#verdict")
        section.locator("button.copy").first.click()
        said = section.locator("code.command").first.inner_text()
        assert said.startswith("housing ")
        page.wait_for_function(
            "text => navigator.clipboard.readText().then(t => t === text)", arg=said
        )
        watched.sound()
