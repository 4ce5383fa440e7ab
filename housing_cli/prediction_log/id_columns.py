"""Ids of millions of rows, as arrays."""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload
from uuid import UUID

import numpy as np

from housing_cli.prediction_log.csv_rows import ID_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where the groups of a UUID's hexadecimal digits stand.
_GROUPS = (slice(0, 8), slice(9, 13), slice(14, 18), slice(19, 23), slice(24, ID_BYTES))
_IS_HEX = np.zeros(256, dtype=np.bool_)
_IS_HEX[list(b"0123456789abcdefABCDEF")] = True


class Ids(Sequence[str]):
    """Ids in 36 bytes each, where a list of str would take 93."""

    def __init__(self, texts: NDArray[np.bytes_]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Ids: ...
    def __getitem__(self, index: int | slice) -> str | Ids:
        if isinstance(index, slice):
            return Ids(self._texts[index])
        return bytes(self._texts[index]).decode()


class PackedIds(Sequence[str]):
    """Ids in 16 bytes each; packed: uint8 (n, 16)."""

    def __init__(self, packed: NDArray[np.uint8]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> PackedIds: ...
    def __getitem__(self, index: int | slice) -> str | PackedIds:
        if isinstance(index, slice):
            return PackedIds(self._packed[index])
        return str(UUID(bytes=self._packed[index].tobytes()))


def packed(ids: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Return the 16 bytes of each id, as (n, 16). Raises ValueError for other texts."""
    return np.frombuffer(unhexlify(digits_of(ids).data), dtype=np.uint8).reshape(-1, 16)


def words_of(packed_ids: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return the two halves of each id as numbers, (n, 2); they are ordered as the ids are."""
    return np.ascontiguousarray(packed_ids).view(">u8").reshape(-1, 2).astype(np.uint64)


def digits_of(ids: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Return the 32 hexadecimal digits of each id, as bytes (n, 32)."""
    texts = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, ID_BYTES)
    digits = np.empty((len(ids), 32), dtype=np.uint8)
    begin = 0
    for source in _GROUPS:
        end = begin + source.stop - source.start
        digits[:, begin:end] = texts[:, source]
        begin = end
    return digits


def time_ordered(ids: NDArray[np.bytes_]) -> NDArray[np.bool_]:
    """Return which ids are version 7 UUIDs; in an ordered log, other lines are broken ones."""
    good: NDArray[np.bool_] = np.ones(len(ids), dtype=np.bool_)
    if not len(ids):
        return good
    texts = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, ID_BYTES)
    for place, mark in ((8, b"-"), (13, b"-"), (14, b"7"), (18, b"-"), (23, b"-")):
        good &= texts[:, place] == mark[0]
    digits = digits_of(ids)
    try:
        unhexlify(digits.data)
    except ValueError:
        good &= _IS_HEX[digits].all(axis=1)
    return good
