"""The model card as text."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.judging.reference import load_reference
from housing_cli.registry import EXPLANATION_FILE, ModelRegistry
from housing_cli.show.card import render
from tests.conftest import FEATURES, Housing
from tests.show.test_report import outside


def test_a_card_says_what_matters_and_what_is_wrong_with_the_data(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    text = render(registry, registry.get("v1"))
    assert outside(text) == []
    assert "Harrison &amp; Rubinfeld (1978)" in text
    assert text.index(">LSTAT<") < text.index(">ZN<")  # more important, so higher up
    assert "506 rows from" in text


def test_a_card_explains_the_price_of_a_house_in_the_middle(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    text = render(registry, registry.get("v1"))
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text[text.index("Why a price") :], re.DOTALL)
    cells = [re.sub(r"\s*<[^>]+>\s*", "|", row).strip("|").split("||") for row in rows]
    told = {one[0]: one[-1].replace("\N{MINUS SIGN}", "-") for one in cells[1:14]}
    names = list(told)
    assert (names[0], names[-1]) == ("mean of what was learned", "predicted price")
    parts = [float(figure) for figure in told.values()]
    assert sum(parts[:-1]) == pytest.approx(parts[-1], abs=0.1)
    reference = load_reference(registry, registry.get("v1"))
    middle = np.nanmedian(reference.features[:, FEATURES.index("RM")])
    assert f"{middle:g}" in next(one for one in cells if one[0] == "RM")


def test_a_card_names_the_units_where_there_are_any(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    version = registry.get("v1")
    for units in ({}, {"RM": "rooms", "MEDV": "<1000> USD"}):
        schema = msgspec.structs.replace(version.metadata.schema, units=units)
        metadata = msgspec.structs.replace(version.metadata, schema=schema)
        text = render(registry, msgspec.structs.replace(version, metadata=metadata))
        rows = re.findall(r"<tr[^>]*>(.*?)</tr>", text[text.index(">Data<") :], re.DOTALL)
        cells = [re.findall(r"<t[hd][^>]*>\s*(.*?)\s*</t[hd]>", row) for row in rows[:15]]
        assert {len(row) for row in cells} == {6 if units else 5}
        by_name = {row[0]: row for row in cells}
        if units:
            assert by_name["column"][1] == "unit"
            assert by_name["RM"][1] == "rooms"
            assert by_name["MEDV"][1] == "&lt;1000&gt; USD"
            assert by_name["ZN"][1] == ""
        else:
            assert "unit" not in by_name["column"]


def test_a_card_of_a_version_that_explains_nothing_is_one_all_the_same(artifacts: Path) -> None:
    registry = ModelRegistry(artifacts)
    version = registry.get("v1")
    files = {k: v for k, v in version.metadata.files.items() if k != EXPLANATION_FILE}
    old = msgspec.structs.replace(version.metadata, files=files)
    text = render(registry, msgspec.structs.replace(version, metadata=old))
    assert "Why a price" not in text
    assert "What matters" in text


def test_registry_show_writes_a_card(artifacts: Path, housing: Housing, workshop: Path) -> None:
    ran = housing("registry", "show", "v2", "--report", "card.html", "--json")
    assert ran.code == 0
    assert "Model card of v2" in (workshop / "card.html").read_text(encoding="utf-8")
