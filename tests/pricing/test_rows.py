"""Rows of numbers out of records: the numbers of `/predict`, and its words for what is none."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from housing_cli.data.kinds import Boolean, Category, Date, vocabulary
from housing_cli.data.schema import FeatureSchema
from housing_cli.pricing.records import RecordStream
from housing_cli.pricing.rows import Refusal, RowReader, Rows
from housing_cli.pricing.source import Source

NUMBERS = FeatureSchema(("a", "b"), "price", {"b": (0.0, 100.0)})
WORDS = Category(vocabulary(["INLAND", "NEAR BAY"]))
KINDS = FeatureSchema(
    ("sea", "pool", "sold", "rooms"), "price", {},
    {"sea": WORDS, "pool": Boolean(), "sold": Date("2015-05-27")},
)  # fmt: skip


def reader_of(
    data: bytes, schema: FeatureSchema, marks: dict[str, str], *, refuse: bool, separator: str
) -> tuple[RowReader, Source]:
    stream = RecordStream(io.BytesIO(data), Path("t.csv"))
    text, header = stream.header(separator)
    source = Source(Path("t.csv"), header, text, separator, stream, marks)
    return RowReader(source, schema, refuse=refuse), source


def read(
    data: str,
    schema: FeatureSchema = NUMBERS,
    marks: dict[str, str] | None = None,
    *,
    refuse: bool = False,
    separator: str = ",",
) -> tuple[Rows, RowReader]:
    reader, source = reader_of(
        data.encode(), schema, marks or {}, refuse=refuse, separator=separator
    )
    (block,) = source.blocks()
    return reader.read(block), reader


def test_features_come_in_the_order_of_the_schema() -> None:
    rows, _ = read("b,x,a\n2,?,1\n4,?,NA\n")
    assert rows.features[0].tolist() == [1, 2]
    assert math.isnan(rows.features[1, 0])
    assert rows.kept.all()
    assert not rows.refused


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("x,1", "a", "Input should be a valid number"),
        ("1 2,1", "a", "Input should be a valid number"),
        ("inf,1", "a", "Input should be a finite number"),
        ("1e400,1", "a", "Input should be a finite number"),
        (
            "1e39,1",
            "a",
            "Input should be less than or equal to 340282346638528860000000000000000000000",
        ),
        ("1,-1", "b", "Input should be greater than or equal to 0"),
        ("1,101", "b", "Input should be less than or equal to 100"),
        ("True,1", "a", "Input should be a valid number"),
        ("1_0,1", "a", "Input should be a valid number"),
        ("0x10,1", "a", "Input should be a valid number"),
        ("+nan,1", "a", "Input should be a valid number"),
        ("１,1", "a", "Input should be a valid number"),  # noqa: RUF001
        ('"1,5",1', "a", "Input should be a valid number"),
        ("1", "", "1 values for 2 columns"),
        ("1,2,3", "", "3 values for 2 columns"),
        ("a,b", "", "the header stands there again"),
    ],
)
def test_what_predict_refuses_is_refused_in_its_words(line: str, column: str, reason: str) -> None:
    rows, _ = read(f"a,b\n1,2\n{line}\n3,4\n")
    assert [(one.line, one.column, one.reason) for one in rows.refused] == [(3, column, reason)]
    assert rows.kept.tolist() == [True, False, True]
    assert rows.features.tolist() == [[1, 2], [3, 4]]


def test_a_row_is_refused_for_each_of_its_columns() -> None:
    rows, _ = read("a,b\nx,-1\n")
    assert rows.refused == [
        Refusal(2, "a", "Input should be a valid number", "x"),
        Refusal(2, "b", "Input should be greater than or equal to 0", "-1"),
    ]


CELL = st.one_of(
    st.floats(allow_nan=False).map(repr),
    st.text("0123456789.eE+-_ naif", min_size=1, max_size=8),
    st.sampled_from(["", "NA", "nAn", "null", "True", "false", "Infinity", "-", "1e400", ".5"]),
)  # fmt: skip


@given(st.lists(CELL, min_size=1, max_size=6))
@example(["True", "False"])
@example(["1", "True"])
@example(["NA", "true"])
@settings(max_examples=400, deadline=None)
def test_the_fast_way_reads_what_the_strict_one_does(cells: list[str]) -> None:
    schema = FeatureSchema(("a", "b"), "price")
    plain = "".join(f"{cell},1\n" for cell in cells)
    fast, _ = read(f"a,b\n{plain}", schema)
    # A quote anywhere makes the whole block go the other way.
    strict, _ = read(f'a,b\n{plain}"1",1\n', schema)
    assert fast.kept.tolist() == strict.kept.tolist()[:-1]
    assert fast.features.tobytes() == strict.features[:-1].tobytes()
    assert fast.refused == strict.refused


def test_every_double_is_read_to_the_last_bit() -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**63, 20_000, dtype=np.int64)
    doubles = [x for (x,) in struct.iter_unpack("d", bits.tobytes()) if abs(x) < 3e38]
    texts = [*map(repr, doubles), *(f"{x:.25g}" for x in doubles)]
    rows, _ = read("a,b\n" + "".join(f"{text},1\n" for text in texts))
    assert rows.features[:, 0].tolist() == list(map(float, texts))


def test_words_days_and_yes_or_no_become_codes() -> None:
    rows, reader = read(
        "sea,pool,sold,rooms\n INLAND ,yes,2014-10-13,5\nNA,,,\nMARS,no,2014-10-13T00:00,1\n",
        KINDS,
    )
    code = WORDS.codes["INLAND"]
    assert rows.features[0].tolist() == [code, 1, 16356, 5]
    assert np.isnan(rows.features[1]).all()
    assert not math.isnan(rows.features[2, 0])
    assert reader.unknown_words() == {"sea": {"MARS": 1}}


def test_a_category_of_numbers_may_have_a_decimal_point() -> None:
    schema = FeatureSchema(("zip",), "price", {}, {"zip": Category(vocabulary(["98064", "1.5"]))})
    rows, reader = read("zip,x\n98064,1\n98064.0,1\n1.5,1\n98065.0,1\n", schema, refuse=False)
    codes = schema.kinds["zip"].codes  # type: ignore[union-attr]
    assert rows.features[:3, 0].tolist() == [codes["98064"], codes["98064"], codes["1.5"]]
    assert reader.unknown_words() == {"zip": {"98065": 1}}


def test_words_are_refused_in_the_words_of_predict() -> None:
    rows, reader = read(
        "sea,pool,sold,rooms\nMARS,maybe,13/10/2014,5\nINLAND,1,2014-10-13,5\n", KINDS, refuse=True
    )
    assert [(one.column, one.reason) for one in rows.refused] == [
        ("sea", "Value error, unknown category: known are INLAND, NEAR BAY"),
        ("pool", "Value error, neither yes nor no: write `true` or `false`"),
        ("sold", "Value error, not a day: write it as 2026-11-28"),
    ]
    assert rows.kept.tolist() == [False, True]
    assert not reader.unknown_words()


@pytest.mark.parametrize("quoted", [False, True])
def test_decimal_commas_and_thousands_are_read_as_the_file_settled_them(quoted: bool) -> None:
    one = '"1.234,5"' if quoted else "1.234,5"
    rows, _ = read(f"a;b\n{one};2\n1.234;3\n", marks={"a": ",", "b": "."}, separator=";")
    assert rows.features.tolist() == [[1234.5, 2], [1234, 3]]
    rows, _ = read(f"a;b\n{one.translate(str.maketrans(',.', '.,'))};2\n1.234;3\n",
                   marks={"a": ".", "b": "."}, separator=";")  # fmt: skip
    assert rows.features.tolist() == [[1234.5, 2], [1.234, 3]]


def test_units_are_taken_off_and_another_unit_is_refused() -> None:
    data = b"a;b\n1.250,5 m2;1\n95;2\n95 ft2;3\nNA;4\n"
    stream = RecordStream(io.BytesIO(data), Path("t.csv"))
    text, header = stream.header(";")
    source = Source(Path("t.csv"), header, text, ";", stream, {"a": ","}, {"a": "m²"})
    (block,) = source.blocks()
    rows = RowReader(source, NUMBERS, refuse=False).read(block)
    assert rows.features[:2].tolist() == [[1250.5, 1], [95, 2]]
    assert [(one.line, one.reason, one.value) for one in rows.refused] == [
        (4, "Input should be a valid number", "95 ft2")
    ]
