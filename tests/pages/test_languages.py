"""The languages of the dashboard: which one a browser wants, and that all is translated."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog

from housing_cli.pages.languages import DOMAIN, LANGUAGES, LOCALE, preferred, translations
from tests.conftest import ROOT

OTHERS = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize(
    ("accepted", "found"),
    [("", "en"), ("es", "es"), ("es-MX,en;q=0.8", "es"), ("fr, en;q=0.3, es;q=0.7", "es"),
     ("en,es", "en"), ("de", "en"), ("es;q=0, en;q=0.1", "en"), ("ES-419", "es"), ("es;q=x", "en")],
)  # fmt: skip
def test_the_language_of_a_browser(accepted: str, found: str) -> None:
    assert preferred(accepted, list(LANGUAGES)) == found


def test_english_is_what_stands_in_the_code() -> None:
    assert translations("en").gettext("Healthy") == "Healthy"
    assert translations("es").gettext("Healthy") == "Sano"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What code and templates say."""
    found = tmp_path_factory.mktemp("words") / "words.pot"
    command = [
        sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", "pyproject.toml",
        "-k", "say", "-o", str(found), ".",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with found.open("rb") as file:
        return pofile.read_po(file)


def catalog(language: str) -> tuple[Path, Catalog]:
    file = LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    with file.open("rb") as opened:
        return file, pofile.read_po(opened, locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_word_is_translated_and_no_other(language: str, wanted: Catalog) -> None:
    _, known = catalog(language)
    asked = {message.id for message in wanted if message.id}
    assert len(asked) > 100
    assert {message.id for message in known if message.id} == asked
    for message in known:
        told = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(told), message.id
        assert not list(message.check(known)), message.id


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_shipped_was_compiled_from_what_is_read(language: str) -> None:
    file, known = catalog(language)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, known)
    assert file.with_suffix(".mo").read_bytes() == compiled.getvalue()
