"""Counts, shares and chances in words, and lines that are not too long."""

from __future__ import annotations

import time

import pytest

from housing_cli.words import (
    WIDTH,
    are,
    chance,
    counted,
    figure,
    folded,
    grouped,
    in_one_line,
    install_hint,
    share,
    share_in_short,
    short_time,
)


def test_one_is_no_plural() -> None:
    assert [counted(n, "label") for n in (0, 1, 4)] == ["0 labels", "1 label", "4 labels"]
    assert [counted(n, "copy", "copies") for n in (1, 2)] == ["1 copy", "2 copies"]
    assert [are(n) for n in (0, 1, 2)] == ["are", "is", "are"]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0%"), (1e-9, "under 1%"), (0.0099, "under 1%"), (0.01, "1%"), (0.425, "42%"),
     (0.99, "99%"), (0.9951, "over 99%"), (1.0, "100%"), (1.3, "130%")],
)  # fmt: skip
def test_a_share_of_some_is_neither_none_nor_all(value: float, words: str) -> None:
    assert share(value) == words


def test_a_narrow_column_has_signs_for_words() -> None:
    assert [share_in_short(x) for x in (0.0, 0.004, 0.5, 0.999)] == ["0%", "<1%", "50%", ">99%"]


def test_a_large_number_has_no_exponent() -> None:
    assert [figure(x) for x in (0.71312, 35.0, 9999.4, 450_000.0)] == [
        "0.7131", "35", "9999", "450000",
    ]  # fmt: skip
    assert figure(1_250_000.0, 6) == "1250000"


def test_a_chance_has_three_digits() -> None:
    assert [chance(p) for p in (0.25, 0.001, 3e-127)] == ["0.250", "0.001", "<0.001"]


def test_lines_are_one_sentence_where_they_must_be() -> None:
    assert in_one_line("said\n  and more\n  to do") == "said; and more; to do"


def test_long_text_is_folded_between_words() -> None:
    lines = folded("word " * 40, "- ").splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= WIDTH
    assert [line[:3] for line in lines] == ["- w", "  w", "  w"]
    path = "/tmp/" + "long-name" * 12
    assert folded(f"see {path}").splitlines() == ["see", f"  {path}"]


def test_an_extra_is_installed_from_the_clone_or_with_the_wheel() -> None:
    assert install_hint("sign").startswith("pip install '.[sign]' in the clone, or 'housing_loop-")
    assert install_hint("sign").endswith(".whl[sign]'")


def test_times_are_told_to_the_minute_by_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TZ", "Europe/Madrid")
    time.tzset()
    try:
        assert short_time("2026-07-28T04:11:59.720Z") == "2026-07-28 06:11"
        assert short_time("yesterday") == "yesterday"
        assert short_time("0001-01-01T00:00:00Z")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_large_numbers_stand_in_groups() -> None:
    values = (3.14159, 9999.4, 10_000, 1234567.8, -45_000.4, 0)
    assert [grouped(value) for value in values] == [
        "3.142", "9999", "10\u202f000", "1\u202f234\u202f568", "-45\u202f000", "0",
    ]  # fmt: skip
