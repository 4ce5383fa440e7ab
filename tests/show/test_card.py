"""The model card as text."""

from __future__ import annotations

from pathlib import Path

from housing_cli.registry import ModelRegistry
from housing_cli.show.card import render
from tests.conftest import Housing
from tests.show.test_report import outside


def test_a_card_says_what_matters_and_what_is_wrong_with_the_data(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    text = render(registry, registry.get("v1"))
    assert outside(text) == []
    assert "Harrison &amp; Rubinfeld (1978)" in text
    assert text.index(">LSTAT<") < text.index(">ZN<")  # more important, so higher up
    assert "506 rows from" in text


def test_registry_show_writes_a_card(artifacts: Path, housing: Housing, workshop: Path) -> None:
    ran = housing("registry", "show", "v2", "--report", "card.html", "--json")
    assert ran.code == 0
    assert "Model card of v2" in (workshop / "card.html").read_text(encoding="utf-8")
