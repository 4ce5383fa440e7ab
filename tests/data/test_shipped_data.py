"""The shipped data set: its shape, its figures, its spelling and what its README says about it."""

import csv
import hashlib
import re
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
CSV = DATA / "HousingData.csv"
README = DATA / "README.md"

# Column means as published for the data set, with the number of decimals that they are quoted to.
PUBLISHED_MEANS = {
    "CRIM": ("3.61", 2),
    "ZN": ("11.36", 2),
    "INDUS": ("11.14", 2),
    "CHAS": ("0.0692", 4),
    "NOX": ("0.5547", 4),
    "RM": ("6.2846", 4),
    "AGE": ("68.57", 2),
    "DIS": ("3.795", 3),
    "RAD": ("9.549", 3),
    "TAX": ("408.24", 2),
    "PTRATIO": ("18.456", 3),
    "B": ("356.67", 2),
    "LSTAT": ("12.653", 3),
    "MEDV": ("22.533", 3),
}
GAPPY_ELSEWHERE = ("CRIM", "ZN", "INDUS", "CHAS", "AGE", "LSTAT")
# No sign, exponent, leading or trailing zeros: 0.00632, 18, 396.9.
SHORTEST = re.compile(r"(0|[1-9]\d*)(\.\d*[1-9])?")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with CSV.open(newline="", encoding="ascii") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def test_header_and_row_count(rows: list[dict[str, str]]) -> None:
    assert list(rows[0]) == list(PUBLISHED_MEANS)
    assert len(rows) == 506
    assert all(None not in row and None not in row.values() for row in rows)


@pytest.mark.parametrize("column", PUBLISHED_MEANS)
def test_column_means_are_the_published_ones(rows: list[dict[str, str]], column: str) -> None:
    published, decimals = PUBLISHED_MEANS[column]
    mean = sum(float(row[column]) for row in rows) / len(rows)
    assert f"{mean:.{decimals}f}" == published


def test_numbers_are_in_plain_shortest_form(rows: list[dict[str, str]]) -> None:
    odd = [
        (line, column, text)
        for line, row in enumerate(rows, start=2)
        for column, text in row.items()
        if not SHORTEST.fullmatch(text) or float(repr(float(text))) != float(text)
    ]
    assert odd == []
    # Longer text than the shortest that gives the same number would be a conversion artifact.
    assert max(len(text) for row in rows for text in row.values()) <= 7


def test_first_and_last_rows_are_where_the_source_has_them(rows: list[dict[str, str]]) -> None:
    first = "0.00632,18,2.31,0,0.538,6.575,65.2,4.09,1,296,15.3,396.9,4.98,24"
    last = "0.04741,0,11.93,0,0.573,6.03,80.8,2.505,1,273,21,396.9,7.88,11.9"
    assert ",".join(rows[0].values()) == first
    assert ",".join(rows[-1].values()) == last


def test_known_transcription_error_is_absent(rows: list[dict[str, str]]) -> None:
    assert rows[445]["CRIM"] == "10.6718"


def test_line_ends_are_lf() -> None:
    raw = CSV.read_bytes()
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    assert raw.count(b"\n") == 507


def test_readme_has_the_checksum_of_the_file(readme: str) -> None:
    stated = re.findall(r"\b[0-9a-f]{64}\b", readme)
    assert set(stated) == {hashlib.sha256(CSV.read_bytes()).hexdigest()}
    for tool in ("sha256sum --check", "shasum -a 256 --check"):
        assert f'echo "{stated[0]}  {CSV.name}" | {tool}\n' in readme


def test_readme_counts_the_censored_prices(rows: list[dict[str, str]], readme: str) -> None:
    found = re.search(r"(\d+) of (\d+) rows have a `MEDV` of exactly 50", readme)
    assert found, "data/README.md no longer says how many prices are censored"
    prices = [float(row["MEDV"]) for row in rows]
    assert max(prices) == 50
    assert [int(number) for number in found.groups()] == [prices.count(50), len(prices)]


def test_readme_describes_every_column_and_no_other(readme: str) -> None:
    described = re.findall(r"^\| `([A-Z]+)` \|", readme, flags=re.MULTILINE)
    assert described == list(PUBLISHED_MEANS)


def test_readme_names_the_columns_that_have_gaps_elsewhere(readme: str) -> None:
    (sentence,) = re.findall(r"20 cells with `NA` in each of (.*?)\.", readme, flags=re.DOTALL)
    assert tuple(re.findall(r"`([A-Z]+)`", sentence)) == GAPPY_ELSEWHERE
