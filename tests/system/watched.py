"""Pages in Debian's Chromium that tell what they should not have done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
VIOLATIONS = """addEventListener('securitypolicyviolation', event => console.error(
  'CSP: ' + event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample));"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Run the browser, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@dataclass
class Watched:
    """A page, and what it wrote to the console, failed at and asked others for."""

    page: Any
    host: str
    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Take notes from now on."""
        self.page.add_init_script(VIOLATIONS)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.said.append(f"page error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("dialog", self._dialog)

    def _note(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.said.append(f"{message.type}: {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self.host}/", "data:", "about:")):
            self.elsewhere.append(url)

    def _dialog(self, dialog: Any) -> None:
        self.said.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def axe(self) -> list[str]:
        """Return what axe finds wrong, each as its rule and the element.

        The page's policy forbids scripts of others, so it goes in by the debugger.
        """
        if not self.page.evaluate("typeof axe !== 'undefined'"):
            self.page.evaluate(_axe())
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def sound(self) -> None:
        """Assert that the page did nothing wrong and fits its window, and that axe agrees."""
        self.quiet()
        assert self.page.evaluate(WIDE) <= 0, self.too_wide()
        assert self.page.evaluate("window.stolen") is None
        objections = self.axe()
        assert not objections, "\n".join(objections)
        self.quiet()

    def quiet(self) -> None:
        """Assert that nothing went wrong, and that nothing was asked of others."""
        assert not self.said, "\n".join(self.said)
        assert not self.elsewhere, "\n".join(self.elsewhere)

    def too_wide(self) -> list[str]:
        """Return the elements that stand out of the window."""
        found: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('body *')].filter(e =>"
            " e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 120))"
        )
        return found[:5]


@contextmanager
def opened(
    browser: Any, url: str, *, width: int = 1440, script: bool = True, **context: Any
) -> Iterator[Watched]:
    """Open a page in a window of its own; script: False without JavaScript.

    context: as Playwright's `new_context` takes it: `locale`, `color_scheme`, `http_credentials`.
    """
    made: Mapping[str, Any] = {"locale": "en-US", **context}
    window = browser.new_context(
        viewport={"width": width, "height": 900}, java_script_enabled=script, **made
    )
    window.set_default_timeout(20_000)
    try:
        host = "/".join(url.split("/")[:3])
        watched = Watched(window.new_page(), host)
        watched.watch()
        watched.page.goto(url)
        yield watched
    finally:
        window.close()
