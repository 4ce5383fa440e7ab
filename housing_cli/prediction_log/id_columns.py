"""Ids of millions of rows, as arrays."""

from __future__ import annotations

import contextlib
from binascii import unhexlify
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload
from uuid import UUID

import numpy as np

from housing_cli.prediction_log.csv.rows import ID_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

# Where the groups of a UUID's hexadecimal digits stand.
_GROUPS = (slice(0, 8), slice(9, 13), slice(14, 18), slice(19, 23), slice(24, ID_BYTES))
_IS_HEX = np.zeros(256, dtype=np.bool_)
_IS_HEX[list(b"0123456789abcdefABCDEF")] = True


class PackedIds(Sequence[str]):
    """Ids in 16 bytes each, where a list of str would take 93; words: uint64 (n, 2)."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> PackedIds: ...
    def __getitem__(self, index: int | slice) -> str | PackedIds:
        if isinstance(index, slice):
            return PackedIds(self._words[index])
        high, low = self._words[index].tolist()
        return str(UUID(int=high << 64 | low))


def words_of(raw: bytes) -> Words:
    """Return the halves of ids of 16 bytes each as numbers, (n, 2); ordered as the ids are."""
    words: Words = np.frombuffer(raw, dtype=">u8").reshape(-1, 2).astype(np.uint64)
    return words


def time_ordered(ids: NDArray[np.bytes_]) -> tuple[Words, NDArray[np.bool_]]:
    """Return the words of n ids (n, 2), and which are version 7 UUIDs (n,); others are zeros.

    In an ordered log, other lines are broken ones.
    """
    texts = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, ID_BYTES)
    good: NDArray[np.bool_] = np.ones(len(ids), dtype=np.bool_)
    for place, mark in ((8, b"-"), (13, b"-"), (14, b"7"), (18, b"-"), (23, b"-")):
        good &= texts[:, place] == mark[0]
    digits = _digits(texts)
    if good.all():
        with contextlib.suppress(ValueError):
            return words_of(unhexlify(digits.data)), good
    good &= _IS_HEX[digits].all(axis=1)
    digits[~good] = ord("0")
    return words_of(unhexlify(digits.data)), good


def _digits(texts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 32 hexadecimal digits of ids, (n, 32), of their 36 characters, (n, 36)."""
    digits = np.empty((len(texts), 32), dtype=np.uint8)
    begin = 0
    for source in _GROUPS:
        end = begin + source.stop - source.start
        digits[:, begin:end] = texts[:, source]
        begin = end
    return digits
