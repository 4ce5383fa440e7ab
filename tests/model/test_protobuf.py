"""Messages of Protocol Buffers are walked and written as the library does."""

from __future__ import annotations

import pytest
from onnx import AttributeProto

from housing_cli.model.protobuf import fields, message, varints

NUMBERS = [0, 1, 127, 128, 300, 2**21, 2**31, 2**62]


def test_all_numbers_of_a_message_are_read_at_once() -> None:
    raw = AttributeProto(ints=NUMBERS).SerializeToString()  # a tag before each
    pairs = varints(memoryview(raw)).reshape(-1, 2)
    assert pairs[:, 1].tolist() == NUMBERS
    assert set(pairs[:, 0].tolist()) == {8 << 3}


def test_no_numbers_are_none() -> None:
    assert varints(memoryview(b"")).tolist() == []


@pytest.mark.parametrize("raw", [b"\x80", b"\x01\xff", b"\xff" * 9 + b"\x01"])
def test_a_number_that_is_cut_off_or_too_long_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|more than"):
        varints(memoryview(raw))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000])
def test_a_message_is_written_as_the_library_reads_it(size: int) -> None:
    text = "x" * size
    read = AttributeProto()
    read.ParseFromString(message(1, text.encode()))
    assert read.name == text
    ((field, content),) = fields(memoryview(message(1, text.encode())))
    assert field == 1
    assert bytes(content) == text.encode()


def test_what_is_written_behind_another_merges_with_it() -> None:
    raw = AttributeProto(name="one", ints=[5]).SerializeToString() + message(1, b"other")
    read = AttributeProto()
    read.ParseFromString(raw)
    assert (read.name, list(read.ints)) == ("other", [5])
