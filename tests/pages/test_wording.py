"""How charts write numbers: short in a margin, exact enough elsewhere."""

from __future__ import annotations

import pytest

from housing_cli.pages.wording import ENGLISH, Words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"), (0.25, "0.25"), (-6.0, "-6"), (9_500.0, "9500"), (10_000.0, "10k"),
        (-450_000.0, "-450k"), (1_200_000.0, "1.2M"), (3e9, "3G"), (2e12, "2T"), (5e17, "500000T"),
    ],
)  # fmt: skip
def test_a_tick_is_short(value: float, expected: str) -> None:
    assert ENGLISH.tick(value) == expected


def test_numbers_have_the_decimal_mark_and_the_words_of_a_language() -> None:
    other = Words(decimal_mark=",", between="{} (de {} a {})", percent="{} %")
    assert (other.tick(1.2e6), other.rounded(4.5678), other.fixed(1.0)) == ("1,2M", "4,57", "1,00")
    assert other.interval(1.5, 1.25, 2.0) == "1,50 (de 1,25 a 2,00)"
    assert (other.share(0.4), ENGLISH.share(0.4)) == ("40 %", "40%")
    assert (ENGLISH.rounded(451_234.0), ENGLISH.rounded(0.01234)) == ("451234", "0.0123")
