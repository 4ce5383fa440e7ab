"""Validation errors become JSON, whatever the request held."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housing_cli.api.http.lenient_json import MAX_DEPTH, MAX_ERRORS, MAX_ITEMS, MAX_TEXT, echo

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(
        st.characters(exclude_categories=[])
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner)
    | st.tuples(inner),
)  # fmt: skip


@settings(max_examples=50)
@given(anything)
def test_anything_can_be_written_and_sent(value: Any) -> None:
    text = json.dumps(echo([{"input": value}]), allow_nan=False, ensure_ascii=False)
    assert text.encode()


def test_what_is_plain_stays_as_it_is() -> None:
    errors = [{"type": "missing", "loc": ["body", "RM"], "input": {"a": [1, 2.5, None, True]}}]
    assert echo(errors) == errors


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("a\ud800", "a?"),
        (b"\xff\x00", "\ufffd\x00"),
        (("a", 1), ["a", 1]),
        ({1: {"\ud800": 2}}, {"1": {"?": 2}}),
        (ValueError("no"), "no"),
        ("x" * MAX_TEXT, "x" * MAX_TEXT),
        ("x" * (MAX_TEXT + 1), "x" * MAX_TEXT + "..."),
    ],
)
def test_what_json_has_no_word_for_is_text(value: object, shown: object) -> None:
    assert echo([value]) == [shown]


def test_what_is_long_is_cut_short() -> None:
    assert len(echo(["e"] * 1000)) == MAX_ERRORS
    assert len(echo([list(range(1000))])[0]) == MAX_ITEMS
    assert len(echo([{str(k): k for k in range(1000)}])[0]) == MAX_ITEMS


def test_what_is_deep_ends_in_dots() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    found, depth = echo([deep])[0], 0
    while found != "...":
        (found,), depth = found, depth + 1
    assert depth == MAX_DEPTH
