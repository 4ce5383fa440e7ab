"""Bodies read the quick way are read as the models read them, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from housing_cli.api.http.bodies import Bodies, Row, feedback
from housing_cli.api.http.models import FeedbackRequest, row_model
from housing_cli.data.kinds import Boolean, Category, Date
from housing_cli.data.schema import FeatureSchema
from tests.api.serving import FEATURES

SCHEMA = FeatureSchema(FEATURES, "MEDV", {"RM": (0.0, 50.0), "AGE": (None, 100.0)})


def row_of(readers: Bodies, body: bytes) -> Row | None:
    """Return the features of a row without a house."""
    found = readers.row(body)
    assert found is None or found[1] is None
    return None if found is None else found[0]


def batch_of(readers: Bodies, body: bytes) -> list[Row] | None:
    """Return the rows of a batch without houses."""
    found = readers.batch(body)
    assert found is None or found[1] is None
    return None if found is None else found[0]


numbers = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.booleans(),
    st.text(max_size=3),
    st.lists(st.none(), max_size=1),
)


rows = st.fixed_dictionaries(dict.fromkeys(FEATURES, numbers)) | st.dictionaries(
    st.sampled_from([*FEATURES, "f0", "x"]), numbers
)


good_rows = st.fixed_dictionaries(
    dict.fromkeys(FEATURES, st.none() | st.floats(0, 50) | st.integers(0, 50))
)


def accepted(model: type[BaseModel], body: bytes) -> tuple[Any, ...] | None:
    """Return the features that the model reads from a body, as FastAPI gives them."""
    try:
        read = model.model_validate(json.loads(body)).__dict__
        return tuple(value for name, value in read.items() if name != "house_id")
    except (ValidationError, ValueError, RecursionError):
        return None


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.one_of(rows, good_rows))
def test_the_quick_reader_accepts_what_the_model_accepts(row: dict[str, Any]) -> None:
    body = json.dumps(row).encode()
    quick = row_of(Bodies(SCHEMA), body)
    assert quick == accepted(row_model(SCHEMA), body)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_noise_is_left_to_the_framework(body: bytes) -> None:
    assert row_of(Bodies(SCHEMA), body) is None
    assert batch_of(Bodies(SCHEMA), body) is None


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {"id": st.text(max_size=5) | st.none(), "real_price": numbers}, optional={"x": st.none()}
    )
)
def test_the_quick_reader_of_feedback_accepts_only_what_the_model_accepts(
    content: dict[str, Any],
) -> None:
    body = json.dumps(content).encode()
    quick = feedback(body)
    expected = accepted(FeedbackRequest, body)
    if quick is not None:
        assert (quick.id, quick.real_price) == expected


SMALL = Bodies(FeatureSchema(("b", "Med Inc"), "y", {"b": (0.0, 9.0)}))


def test_a_row_comes_in_the_order_of_the_schema() -> None:
    assert row_of(SMALL, b' {"Med Inc": null, "b": 9}') == (9.0, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"b": 1}', b'{"b": 1, "Med Inc": 2, "x": 3}', b'{"b": -1, "Med Inc": 2}',
     b'{"b": "1", "Med Inc": 2}', b'{"b": true, "Med Inc": 2}', b'{"b": NaN, "Med Inc": 2}',
     b'{"b": 1, "Med Inc": 1e999}', b'{"f0": 1, "f1": 2}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_not_plainly_right_is_left_to_the_models(body: bytes) -> None:
    assert row_of(SMALL, body) is None
    assert batch_of(SMALL, b'{"rows": [%b]}' % body) is None or body == b""


def test_a_batch_is_rows_of_numbers_in_the_schemas_order() -> None:
    rows = batch_of(SMALL, b'{"rows": [{"b": 1, "Med Inc": 2}, {"b": null, "Med Inc": 3}]}')
    assert rows == [(1.0, 2.0), (None, 3.0)]
    assert batch_of(SMALL, b'{"rows": []}') == []
    assert batch_of(SMALL, b"{}") is None


PLACE = Category({"INLAND": 5, "ISLAND": 6}, "one-hot")
WORDS = FeatureSchema(("place", "pool", "sold"), "y", {}, {
    "place": PLACE, "pool": Boolean(), "sold": Date("2015-05-27")})  # fmt: skip


def test_words_become_numbers_and_unknown_ones_are_told_of_rows_that_are_right() -> None:
    met: list[tuple[str, str]] = []
    readers = Bodies(WORDS, lambda name, word: met.append((name, word)))
    assert row_of(readers, b'{"place": "ISLAND", "pool": true, "sold": "2014-10-13"}') == (
        6.0, 1.0, 16356.0,
    )  # fmt: skip
    assert met == []
    row = b'{"place": "MARS", "pool": null, "sold": null}'
    wrong = b'{"place": "VENUS", "pool": "perhaps", "sold": null}'
    assert batch_of(readers, b'{"rows": [%b, %b]}' % (row, wrong)) is None
    assert met == []
    assert batch_of(readers, b'{"rows": [%b, %b]}' % (row, row)) is not None
    assert met == [("place", "MARS")] * 2


ZIPS = FeatureSchema(("zip",), "y", {}, {"zip": Category({"1.5": 4, "98064": 5, "98065": 6})})
words = numbers | st.sampled_from(["98064", "98064.0", " 98065 ", 98064, 98064.0, 1.5, -0.0, 1e30])


@settings(max_examples=300, deadline=None)
@given(words)
@example(98064.0)
@example(10**30)
def test_the_quick_reader_reads_the_same_word_as_the_model(word: Any) -> None:
    body = json.dumps({"zip": word}).encode()
    readers = Bodies(ZIPS)
    sent = accepted(row_model(ZIPS), body)
    assert row_of(readers, body) == (None if sent is None else readers.numbers(sent))


@pytest.mark.parametrize("refuse", [False, True])
def test_a_number_that_is_whole_is_one_word_however_it_is_written(refuse: bool) -> None:
    model, readers = row_model(ZIPS, refuse=refuse), Bodies(ZIPS, refuse=refuse)
    for body, code in ((b"98064", 5.0), (b'"98064"', 5.0), (b"98064.0", 5.0), (b"9.8064e4", 5.0),
                       (b'"98064.0"', 5.0), (b"1.5", 4.0), (b'"1.5"', 4.0)):  # fmt: skip
        row = b'{"zip": %b}' % body
        sent = accepted(model, row)
        assert sent is not None and readers.numbers(sent) == (code,)
        assert row_of(readers, row) in ({(code,), None} if refuse else {(code,)})
    for body in (b"98066.0", b"2.5"):
        assert (accepted(model, b'{"zip": %b}' % body) is None) is refuse
    for body in (b"true", b"NaN", b"1e999", b"[98064.0]"):
        assert accepted(model, b'{"zip": %b}' % body) is None
        assert row_of(readers, b'{"zip": %b}' % body) is None


def test_an_unknown_number_is_told_as_the_word_that_it_is() -> None:
    met: list[tuple[str, str]] = []
    readers = Bodies(ZIPS, lambda name, word: met.append((name, word)))
    for sent in (b"98066", b"98066.0", b'" 98066"', b"2.5"):
        assert row_of(readers, b'{"zip": %b}' % sent) is not None
    assert met == [("zip", "98066")] * 3 + [("zip", "2.5")]


def test_a_word_that_must_be_known_is_left_to_the_models() -> None:
    readers = Bodies(WORDS, refuse=True)
    assert row_of(readers, b'{"place": "MARS", "pool": null, "sold": null}') is None
    assert row_of(readers, b'{"place": "INLAND", "pool": null, "sold": null}') == (5.0, None, None)


def test_a_body_that_is_explained_is_read_as_numbers_and_as_it_was_sent() -> None:
    schema = FeatureSchema(
        ("word", "n", "day"), "y", {}, {"word": Category({"a": 7}), "day": Date("2020-01-01")}
    )
    read = Bodies(schema).valued
    body = b'{"n": 2, "day": "1970-01-03", "word": " a"}'
    assert read(body) == ((7.0, 2.0, 2.0), (" a", 2.0, "1970-01-03"))
    assert read(b'{"n": 2, "day": "soon", "word": "a"}') is None
    assert Bodies(FeatureSchema(("n",), "y")).valued(b'{"n": null}') == ((None,), (None,))
