"""What the pages name exists: links, commands, options, settings, variables, files, routes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from housing_cli.commands import verbs
from tests.docs.claims import ROOT, links, problems

PAGES = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "data/README.md")]
    + list((ROOT / "docs").rglob("*.md"))
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_all_that_a_page_names_exists(page: Path) -> None:
    assert problems(page, page.read_text()) == []


def test_the_changelog_links_to_pages_that_exist() -> None:
    # What it says of older versions may be gone by now.
    changelog = ROOT / "CHANGELOG.md"
    assert list(links(changelog, changelog.read_text())) == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = re.findall(r"\]\(([^():\s#]+\.md)", page.read_text())
        waiting.extend((page.parent / target).resolve() for target in targets)
    assert {name_of(page) for page in set(PAGES) - reached} == set()


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_named_on_a_page(verb: str) -> None:
    assert any(f"housing {verb}" in page.read_text() for page in PAGES)


def test_the_changelog_names_the_version_of_the_package() -> None:
    from housing_cli import __version__

    assert f"## {__version__} - " in (ROOT / "CHANGELOG.md").read_text()


def test_every_setting_has_its_default_in_the_settings_file() -> None:
    from housing_cli.config.settings import SECTIONS

    section, found = "", set()
    for line in (ROOT / "configs" / "housing.toml").read_text().splitlines():
        if header := re.match(r"\[(\w+)", line):
            section = header[1]
            found.add((section, line.strip("[]").split("]")[0].partition(".")[2]))
        elif key := re.match(r"(?:# )?(\w+) =", line):
            found.add((section, key[1]))
    every = {(name, key) for name, s in SECTIONS.items() for key in s.__struct_fields__}
    assert every - found == set()
