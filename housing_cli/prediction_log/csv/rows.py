"""Lines of the csv log: how rows become bytes, and bytes rows."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import msgspec

from housing_cli.prediction_log.ids import canonical, epoch, is_time_ordered, milliseconds
from housing_cli.prediction_log.records import HIGHEST_PRICE

ID_BYTES = 36
MISSING = frozenset((
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
))  # fmt: skip
"""What pandas.read_csv takes for a missing value; this log writes an empty field."""
_CHUNK = 1000
# Writes the shortest text that reads back as the same float (as repr does), ten times faster.
_encoder = msgspec.json.Encoder(enc_hook=float)


class PredictionRow(msgspec.Struct, frozen=True):
    """One line of predictions.csv."""

    id: str
    predicted_at: float
    version: str
    features: list[float]
    predicted: float


class FeedbackRow(msgspec.Struct, frozen=True):
    """One line of feedback.csv."""

    id: str
    labeled_at: float
    real: float


def quoted(text: str) -> str:
    """Return `text` as one csv field."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def header_line(columns: Sequence[str]) -> bytes:
    """Return the first line of a file with these columns."""
    return (",".join(map(quoted, columns)) + "\n").encode()


def number_texts(rows: list[list[float | None]]) -> list[str]:
    """Return each row of numbers as csv text; None and NaN become an empty field."""
    texts: list[str] = []
    for start in range(0, len(rows), _CHUNK):
        text = _encoder.encode(rows[start : start + _CHUNK]).decode()
        if "null" in text:
            text = text.replace("null", "")
        texts += text[2:-2].split("],[")
    return texts


def fields_of(line: bytes) -> list[str]:
    """Return the fields of one line without its newline. Raises ValueError for a broken line."""
    text = line.decode()
    if "\0" in text:
        raise ValueError("NUL bytes")
    if '"' in text:
        try:
            rows = list(csv.reader(io.StringIO(text), strict=True, skipinitialspace=True))
        except csv.Error as error:
            raise ValueError(str(error)) from None
        return rows[0] if len(rows) == 1 else []
    return text.rstrip("\r").split(",")


def prediction_row(line: bytes, width: int) -> PredictionRow:
    """Return the row of a line of predictions.csv with `width` features. Raises ValueError."""
    fields = fields_of(line)
    if len(fields) != width + 4 or not fields[0] or not fields[2]:
        raise ValueError("wrong number of fields")
    _check_plain(fields[3:])
    texts = map(str.strip, fields[3:-1])
    features = [math.nan if text in MISSING else float(text) for text in texts]
    predicted = float(fields[-1])
    if not math.isfinite(predicted):
        raise ValueError("the predicted price is not finite")
    return PredictionRow(
        canonical(fields[0]) or fields[0],
        _epoch(fields[1]),
        fields[2].strip(),
        features,
        predicted,
    )


def feedback_row(line: bytes) -> FeedbackRow:
    """Return the row of a line of feedback.csv. Raises ValueError."""
    fields = fields_of(line)
    if len(fields) != 3 or not fields[0]:  # noqa: PLR2004 - id, timestamp, price
        raise ValueError("wrong number of fields")
    _check_plain(fields[2:])
    real = float(fields[2])
    if not 0 < real <= HIGHEST_PRICE:
        raise ValueError("the price is not a positive number that a model can give")
    return FeedbackRow(canonical(fields[0]) or fields[0], _epoch(fields[1]), real)


def _check_plain(numbers: Sequence[str]) -> None:
    """Raise ValueError where `float` takes for a number what is none elsewhere: `2_5`, `２５`."""  # noqa: RUF002
    text = "".join(numbers)
    if "_" in text or not text.isascii():
        raise ValueError("not a number")


def _epoch(text: str) -> float:
    """Return epoch seconds. Raises ValueError, for `20260131T12Z` too: DuckDB takes it for none."""
    time = text.strip()
    if time[4:5] != "-":
        raise ValueError("not a time")
    return epoch(time)


def id_of(line: bytes) -> str:
    """Return the version 7 UUID that a line begins with, or nothing."""
    text = line[:ID_BYTES].decode("ascii", "replace").lower()
    return text if line[ID_BYTES : ID_BYTES + 1] == b"," and is_time_ordered(text) else ""


def milliseconds_of(line: bytes) -> int:
    """Return the millisecond of a line's id, -1 if that is no version 7 UUID."""
    found = id_of(line)
    return milliseconds(found) if found else -1
