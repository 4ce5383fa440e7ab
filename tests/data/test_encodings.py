"""A file that is UTF-8 is read as UTF-8; another one is named, or refused by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.data.encodings import text_of
from housing_cli.errors import DataError

PATH = Path("t.csv")
TEXT = "barrio;precio\nChamberí;1\nSalamanca;2\nPeñagrande;3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_as_it_is(encoding: str) -> None:
    assert text_of(PATH, TEXT.encode(encoding)) == (TEXT, "UTF-8", "")


def test_latin_1_is_named_with_a_word_of_it() -> None:
    assert text_of(PATH, TEXT.encode("latin-1")) == (TEXT, "Latin-1", "`Chamberí` on line 2")


def test_the_word_is_of_its_own_line() -> None:
    assert text_of(PATH, "precio\nÑu\n".encode("latin-1")).sample == "`Ñu` on line 2"


def test_signs_that_only_windows_has_name_its_encoding() -> None:
    text = TEXT.replace("1", "450 €")
    assert text_of(PATH, text.encode("cp1252")) == (
        text, "Windows-1252", "`Chamberí` on line 2",
    )  # fmt: skip


def test_what_latin_1_could_be_too_stays_utf_8() -> None:
    assert text_of(PATH, "Ã©".encode()).text == "Ã©"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (TEXT.encode() + "Peñagrande;4".encode("latin-1"), "line 5: not UTF-8 text, which the"),
        (TEXT.encode("latin-1") + b"\x8d;4", "line 5: not UTF-8 text"),
        (TEXT.encode("latin-1") + b"\x01;4", "line 2: not UTF-8 text"),
        (TEXT.encode("utf-16-le"), "line 1: NUL bytes"),
    ],
)
def test_what_is_not_one_encoding_is_refused_by_line(raw: bytes, said: str) -> None:
    with pytest.raises(DataError) as raised:
        text_of(PATH, raw)
    assert said in raised.value.message
    assert raised.value.hint
