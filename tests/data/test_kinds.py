"""Words and days become codes that every version agrees on, and are said in words again."""

from __future__ import annotations

import hashlib
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.data.kinds import (
    CODES,
    Boolean,
    Category,
    Date,
    Value,
    coder,
    day_of,
    name_of,
    plain,
    shown,
    vocabulary,
    word_of,
)


def category(*words: str) -> Category:
    return Category(vocabulary(words))


@given(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=30))
def test_every_word_has_a_code_of_its_own_that_float32_holds(words: list[str]) -> None:
    codes = vocabulary(words)
    assert len(set(codes.values())) == len(words)
    assert all(0 <= code < CODES and float(np.float32(code)) == code for code in codes.values())


def test_a_code_does_not_depend_on_the_other_words() -> None:
    few, many = vocabulary(["INLAND"]), vocabulary(["INLAND", "ISLAND", "NEAR BAY"])
    assert few["INLAND"] == many["INLAND"] == zlib.crc32(b"INLAND") % CODES


def twins() -> tuple[str, str]:
    """Return two words whose codes would be the same."""
    met: dict[int, str] = {}
    for number in range(100_000):
        word = hashlib.sha256(b"%d" % number).hexdigest()
        code = zlib.crc32(word.encode()) % CODES
        if code in met:
            return met[code], word
        met[code] = word
    raise AssertionError


def test_words_that_share_a_code_are_told_apart_and_so_are_unknown_ones() -> None:
    one, other = twins()
    codes = vocabulary([one, other])
    assert codes[one] != codes[other]
    met: list[str] = []
    read = coder(category(one), met.append)
    assert read(one) != read(other)
    assert met == [other]


def test_a_vocabulary_grows_without_changing_what_it_has() -> None:
    known = {"a": 5, "b": 6}
    grown = vocabulary(["b", "c"], known)
    assert grown["a"], grown["b"] == (5, 6)
    assert list(grown) == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["98103", 98103, " 98103 ", 98103.0, "98103.0"])
def test_a_number_that_is_a_word_is_one_word_however_it_is_written(value: Value) -> None:
    kind = category("98103")
    assert coder(kind)(value) == float(kind.codes["98103"])


@pytest.mark.parametrize("text", ["1.5", "007.0", "1.0a", "v1.0", ".0", "1.", "1,0"])
def test_only_a_number_that_is_whole_loses_its_decimal_point(text: str) -> None:
    assert word_of(text) == text


def test_words_are_compared_in_one_unicode_form() -> None:
    kind = category("Chamberí")
    assert coder(kind)("Chamberi\N{COMBINING ACUTE ACCENT}") == kind.codes["Chamberí"]


@pytest.mark.parametrize("value", [None, "", "NA", " none ", "?"])
@pytest.mark.parametrize("kind", [Category({"a": 1}), Boolean(), Date()])
def test_what_stands_for_no_value_is_missing(kind: Category | Boolean | Date, value: Value) -> None:
    assert coder(kind)(value) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [(True, 1.0), (False, 0.0), ("Yes", 1.0), ("no", 0.0), (1, 1.0), ("0", 0.0), ("SÍ", 1.0)],
)
def test_yes_or_no(value: Value, code: float) -> None:
    assert coder(Boolean())(value) == code


@pytest.mark.parametrize("value", ["perhaps", 2, 0.5])
def test_neither_yes_nor_no(value: Value) -> None:
    with pytest.raises(ValueError, match="neither yes nor no"):
        coder(Boolean())(value)


@pytest.mark.parametrize(
    ("text", "day"),
    [("1970-01-01", 0), ("20141013T000000", 16356), ("2014-10-13 23:59:59", 16356),
     ("1969-12-31", -1), ("2014-13-01", None), ("13/10/2014", None), ("tomorrow", None)],
)  # fmt: skip
def test_days(text: str, day: int | None) -> None:
    assert day_of(text) == day


def test_what_is_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="not a day"):
        coder(Date())("13/10/2014")


def test_codes_are_said_in_words() -> None:
    kind = category("INLAND")
    assert shown(kind, kind.codes["INLAND"]) == "INLAND"
    assert shown(kind, 7.0) == "unknown (7)"
    assert (shown(Boolean(), 1.0), shown(Boolean(), 0.0)) == ("yes", "no")
    assert shown(Date(), 16356.0) == "2014-10-13"
    assert shown(None, 0.5) == "0.5"
    assert shown(kind, math.nan) == "missing"


def test_names_of_kinds() -> None:
    assert [name_of(kind) for kind in (None, Category(), Boolean(), Date(), "date")] == [
        "number", "category", "boolean", "date", "date",
    ]  # fmt: skip


def test_a_number_of_the_matrix_is_said_as_a_request_says_it() -> None:
    word = Category(vocabulary(["INLAND"]))
    code = float(word.codes["INLAND"])
    assert [plain(word, code), plain(word, float("nan")), plain(word, None)] == [
        "INLAND", None, None,
    ]  # fmt: skip
    assert (plain(Boolean(), 1.0), plain(Boolean(), 0.0)) == (True, False)
    assert plain(Date("2020-01-01"), 16_000.0) == "2013-10-22"
    assert plain(None, 2.5) == 2.5
