"""The text of a file: UTF-8, or one of the older encodings of Western Europe, which is said.

A file that is UTF-8 is read as UTF-8, whatever else it might be. One that is not is read as
Latin-1, or as Windows-1252, which has more signs (`€`), and that is said with a word of it. Letters
of other alphabets would be wrong then, which one sees by that word; digits never are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from housing_cli.data.header import printable
from housing_cli.data.reading import UTF8
from housing_cli.errors import DataError

LATIN, WINDOWS = "Latin-1", "Windows-1252"
_ONLY_WINDOWS = re.compile(rb"[\x80-\x9f]")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_MIXED = 0.1
"""In Latin-1 hardly any two letters with accents look like one of UTF-8."""


class Text(NamedTuple):
    """What a file says, in which encoding, and a word that shows whether that one is right."""

    text: str
    encoding: str
    sample: str = ""


def text_of(path: Path, raw: bytes, before: int = 0) -> Text:
    """Return the text of a file. Raises `DataError` where it has none, or in two encodings.

    before: how many lines of the file stand before `raw`.
    """
    if b"\0" in raw:
        raise DataError(
            f"`{path}`, line {before + _line(raw, raw.index(0))}: NUL bytes, which no CSV file has",
            "give UTF-8 text or a Parquet file",
        )
    try:
        return Text(raw.decode("utf-8-sig"), UTF8)
    except UnicodeDecodeError as error:
        return _western(path, raw, error.start, before)


def _western(path: Path, raw: bytes, start: int, before: int) -> Text:
    """Return text that is not UTF-8: the first byte that says so is at `start`."""
    line = before + _line(raw, start)
    place = f"`{path}`, line {line}"
    loose = raw.decode("utf-8", "surrogateescape")
    broken = sum("\udc80" <= letter <= "\udcff" for letter in loose)
    whole = sum(letter > "\x7f" for letter in loose) - broken
    if whole > _MIXED * broken:
        raise DataError(
            f"{place}: not UTF-8 text, which the file is elsewhere",
            "mend what stands there, or save the file as UTF-8",
        )
    encoding = WINDOWS if _ONLY_WINDOWS.search(raw) else LATIN
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError as error:
        place = f"`{path}`, line {before + _line(raw, error.start)}"
        raise DataError(f"{place}: not UTF-8 text", "save the file as UTF-8") from None
    if _NO_TEXT.search(text):
        raise DataError(f"{place}: not UTF-8 text", "save the file as UTF-8")
    return Text(text, encoding, f"`{_word(text, start)}` on line {line}")


def _word(text: str, at: int) -> str:
    """Return the word around a place, one byte being one letter."""
    begin, end = max(at - 20, 0), at + 20
    before = re.search(r"\w*\Z", text[begin:at])
    after = re.match(r".\w*", text[at:end], re.DOTALL)
    return printable((before[0] if before else "") + (after[0] if after else ""))


def _line(raw: bytes, at: int) -> int:
    return raw[:at].count(b"\n") + 1
