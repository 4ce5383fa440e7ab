"""The last real prices of feedback.csv, kept in bounded memory."""

from __future__ import annotations

import time

from housing_cli.prediction_log.csv.file import AppendFile
from housing_cli.prediction_log.csv.rows import ID_BYTES, feedback_row
from housing_cli.prediction_log.records import Outcome

_GENERATION = 1 << 15
_TAIL = 2 << 20  # about as many rows as one generation
_PRICE_AT = 62  # id, comma, timestamp, comma


class LatestPrices:
    """What the last 32,000 to 64,000 rows of feedback.csv say, for whoever holds its lock.

    An older price is not remembered: sent once more, it is recorded once more, which changes
    nothing, as the last value counts. So memory stays small however long the log is.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, float] = {}
        self._older: dict[bytes, float] = {}
        self._identity = (0, 0)
        self._position = 0
        self._last_ms = 0

    def follow(self, file: AppendFile) -> None:
        """Read what other processes appended since the last `put` or `follow`."""
        added = file.size - self._position
        if file.identity == self._identity and 0 <= added <= _TAIL and self._position:
            lines = file.lines_since(self._position)
        else:
            self._recent, self._older = {}, {}
            lines = file.last_lines(_TAIL)
        remember = self._remember
        for line in lines:
            try:
                if line[_PRICE_AT - 1 : _PRICE_AT] == b"," == line[ID_BYTES : ID_BYTES + 1]:
                    remember(line[:ID_BYTES].lower(), float(line[_PRICE_AT:]))
                else:
                    row = feedback_row(line)
                    remember(row.id.encode(), row.real)
            except ValueError:
                continue
        for line in reversed(lines):
            try:
                self._last_ms = round(feedback_row(line).labeled_at * 1000)
                break
            except ValueError:
                continue
        self._identity, self._position = file.identity, file.size

    def known(self, prediction_id: str) -> float | None:
        """Return the last real price of a prediction, None if it is not remembered."""
        key = prediction_id.encode()
        price = self._recent.get(key)
        return self._older.get(key) if price is None else price

    def outcome(self, prediction_id: str, real: float) -> Outcome:
        """Return what recording `real` would be."""
        before = self.known(prediction_id)
        if before is None:
            return "recorded"
        return "unchanged" if before == real else "corrected"

    def next_ms(self, predicted_ms: int) -> tuple[int, int]:
        """Return the time of the next row, and how far that is behind what came before it.

        predicted_ms: the time of its prediction.
        """
        now = time.time_ns() // 1_000_000
        behind = max(self._last_ms, predicted_ms) - now
        self._last_ms = now
        return now, behind

    def put(self, prediction_id: str, real: float, file: AppendFile) -> None:
        """Remember a row that this process has just appended to `file`."""
        self._remember(prediction_id.encode(), real)
        self._identity, self._position = file.identity, file.size

    def _remember(self, key: bytes, real: float) -> None:
        self._recent[key] = real
        if len(self._recent) >= _GENERATION:
            self._older, self._recent = self._recent, {}
