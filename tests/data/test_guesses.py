"""Names say what a column is likely for."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.data.guesses import (
    init_command,
    likely_targets,
    names_a_code,
    names_a_price,
    names_a_sale,
    names_an_id,
    plain,
)
from tests.tables import ames, california, king_county, madrid


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SalePrice", "sale_price"), ("Year Remod/Add", "year_remod/add"), ("Año ", "ano")],
)
def test_names_are_compared_in_one_form(name: str, expected: str) -> None:
    assert plain(name) == expected


def test_the_likely_target_of_each_shape_is_its_price() -> None:
    assert likely_targets([*map(str, ames(2, 1))])[0] == "SalePrice"
    assert likely_targets([*map(str, king_county(2, 1))]) == ["price"]
    assert likely_targets([*map(str, madrid(2, 1))]) == ["precio"]
    assert likely_targets([*map(str, california(2, 1))]) == ["median_house_value"]
    assert likely_targets(["CRIM", "RM", "MEDV"]) == ["MEDV"]
    assert likely_targets(["MedInc", "MedHouseVal"]) == ["MedHouseVal"]


def test_what_is_like_a_price_and_none_is_not_likely() -> None:
    assert likely_targets(["price_per_sqft", "price_date", "tax_value", "rooms"]) == []
    assert likely_targets(["assessed_value", "list_price", "price"])[:2] == ["price", "list_price"]


@pytest.mark.parametrize("name", ["id", "Id", "PID", "Order", "listing_id", "url", "Unnamed: 0"])
def test_names_of_ids(name: str) -> None:
    assert names_an_id(name)


@pytest.mark.parametrize("name", ["width", "grid", "area", "bedrooms", "sqft_lot", "humid"])
def test_names_of_no_ids(name: str) -> None:
    assert not names_an_id(name)


def test_names_of_codes_sales_and_prices() -> None:
    assert all(map(names_a_code, ["zipcode", "MS SubClass", "Postal Code", "codigo_postal", "PLZ"]))
    assert not any(map(names_a_code, ["zone", "class", "rooms", "grade"]))
    assert all(map(names_a_sale, ["date", "Sold On", "closing_date", "fecha", "listed"]))
    assert not any(map(names_a_sale, ["built", "renovated", "construction_date_of_roof"]))
    assert all(map(names_a_price, ["precio_m2", "price_per_sqft", "€/m²"]))
    assert not names_a_price("superficie")


def test_a_command_can_be_pasted() -> None:
    command = init_command(Path("my houses.csv"), "Sale Price")
    assert command == "housing init 'my houses.csv' --target 'Sale Price'"
