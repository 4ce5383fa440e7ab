"""The prediction log as two plain csv files in a directory.

`predictions.csv` (`id,timestamp,model_version,<features...>,predicted_price`) and `feedback.csv`
(`id,timestamp,real_price`) only ever grow, and are ordered by time. `served.csv` is there only
where its rows are written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from housing_cli.errors import UnknownPrediction
from housing_cli.prediction_log import formats
from housing_cli.prediction_log.csv import schema as csv_schema
from housing_cli.prediction_log.csv import served as csv_served
from housing_cli.prediction_log.csv.file import PATIENCE_S, AppendFile, unavailable
from housing_cli.prediction_log.csv.latest import LatestPrices
from housing_cli.prediction_log.csv.lookup import find
from housing_cli.prediction_log.csv.query import Query
from housing_cli.prediction_log.csv.reader import LineReader
from housing_cli.prediction_log.csv.rows import (
    feedback_row,
    id_of,
    number_texts,
    prediction_row,
    quoted,
)
from housing_cli.prediction_log.glance import Glance
from housing_cli.prediction_log.ids import (
    TOLERATED_MS,
    Clock,
    IdSource,
    canonical,
    ceil_ms,
    is_time_ordered,
    prefix_of,
)
from housing_cli.prediction_log.records import (
    Arrivals,
    ArrivalsQuery,
    Broken,
    Feedback,
    Group,
    Initialized,
    Labeled,
    Late,
    LateQuery,
    Predictions,
    Served,
    Sums,
    SumsQuery,
    checked_price,
)
from housing_cli.prediction_log.tried import Tried, TriedQuery

if TYPE_CHECKING:
    from housing_cli.data.schema import FeatureSchema
    from housing_cli.prediction_log.csv.rows import FeedbackRow, PredictionRow

    _Row = PredictionRow | FeedbackRow

_MAX_ID = 64
_HASTE_S = 0.005
# The last id stands in the last lines, unless broken ones follow it.
_NEAR_END, _FAR_END = 1 << 11, 1 << 16


class CsvLog:
    """The log in the directory `folder`; both files are made by their first row."""

    def __init__(self, folder: str | Path, schema: FeatureSchema, *, fsync: bool = False) -> None:
        self.url = f"csv:{folder}"
        self.blocking = fsync
        self.folder = Path(folder)
        self.width = len(schema.features)
        self.columns = ("id", "timestamp", "model_version", *schema.features, "predicted_price")
        self.feedback_columns = ("id", "timestamp", "real_price")
        self.predictions_path = self.folder / "predictions.csv"
        self.feedback_path = self.folder / "feedback.csv"
        self._files = self._predictions, self._feedback, self._served = (
            AppendFile(self.predictions_path, self.columns, fsync=fsync),
            AppendFile(self.feedback_path, self.feedback_columns, fsync=fsync),
            AppendFile(self.folder / "served.csv", csv_served.COLUMNS, fsync=fsync),
        )
        self._has_room = False
        self.clock_jump_ms = 0
        self._ids = IdSource()
        self._clock = Clock()
        self._latest = LatestPrices()
        self._followed = (0, 0)
        self._reader: LineReader | None = None
        self._reading = threading.Lock()

    def append(
        self,
        model_version: str,
        features: Sequence[Sequence[float | None]],
        predicted: Sequence[float],
        *,
        wait: bool = True,
    ) -> list[str]:
        """Record predictions with one `write`, all or none; return their ids."""
        return self.append_groups([(model_version, features, predicted)], wait=wait)[0]

    def append_groups(self, groups: Iterable[Group], *, wait: bool = True) -> list[list[str]]:
        """Record several calls of `append` with one `write`; return the ids of each."""
        worded: list[tuple[str, list[str]]] = []
        for version, features, predicted in groups:
            rows: list[list[float | None]] = []
            for row, price in zip(features, predicted, strict=True):
                if len(row) != self.width:
                    raise ValueError(f"{self.width} features are needed, not {len(row)}")
                rows.append([*row, price])
            worded.append((quoted(version), number_texts(rows)))
        if not any(texts for _, texts in worded):
            return [[] for _ in worded]
        issued: list[list[str]] = []
        lines: list[str] = []
        file = self._predictions
        with file.locked(PATIENCE_S if wait else _HASTE_S) as changed:
            if changed:
                self._follow(file)
            for version, texts in worded:
                _, ids = self._ids.issue(len(texts))
                middle = f",{self._clock.iso(self._ids.clock_ms)},{version},"
                rows_and_ids = zip(ids, texts, strict=True)
                lines += [f"{key}{middle}{text}\n" for key, text in rows_and_ids]
                issued.append(ids)
            if self._ids.jump_ms > self.clock_jump_ms:
                self._record_jump(self._ids.jump_ms)
            file.write("".join(lines).encode())
        return issued

    def feedback(self, prediction_id: str, real_price: float, *, wait: bool = True) -> Feedback:
        """Record the real price of one prediction, found by binary search."""
        real = checked_price(real_price)
        try:
            with self._reading:
                line = self._find(prediction_id)
            row = prediction_row(line or b"", self.width)
        except OSError as error:
            raise unavailable(self.predictions_path, error) from error
        except ValueError as error:  # there is no such line, or it is broken
            raise UnknownPrediction(
                f"no prediction has the id `{prediction_id[:_MAX_ID]}`"
            ) from error
        file = self._feedback
        with file.locked(PATIENCE_S if wait else _HASTE_S) as changed:
            if changed:
                self._latest.follow(file)
            outcome = self._latest.outcome(row.id, real)
            if outcome != "unchanged":
                at, behind = self._latest.next_ms(round(row.predicted_at * 1000))
                if behind > max(self.clock_jump_ms, TOLERATED_MS):
                    # In this order everywhere: first feedback.csv, then predictions.csv.
                    with self._predictions.locked():
                        self._record_jump(behind)
                file.write(f"{row.id},{self._clock.iso(at)},{real!r}\n".encode())
                self._latest.put(row.id, real, file)
        return Feedback(outcome, row.version, row.predicted, row.predicted_at)

    def broken(self) -> list[Broken]:
        """Return the first line of each file that is no row."""
        with self._read() as rows, self._read_feedback() as prices:
            ordered = self._query(rows, prices, None).ordered
            prediction = partial(_judged, partial(prediction_row, width=self.width), ordered)
            found = [
                (self.predictions_path, rows.first_broken(prediction)),
                (self.feedback_path, prices.first_broken(partial(_judged, feedback_row, ordered))),
            ]
        return [Broken(str(path), line) for path, line in found if line]

    def append_served(self, rows: Sequence[Served]) -> None:
        """Record what answers carried with one `write`, all or none."""
        self._write_served(csv_served.lines_of(rows))

    def append_shadow(
        self, version: str, ids: Sequence[str], prices: Sequence[float | None]
    ) -> None:
        """Record what a shadow said of answers with one `write`, all or none."""
        self._write_served(csv_served.shadow_lines(version, ids, prices))

    def _write_served(self, lines: bytes) -> None:
        if not self._has_room:
            self._establish()
            if csv_schema.check(self.folder) < formats.ROOM_FOR_SERVED:
                raise formats.no_room(str(self.folder))
            self._has_room = True
        with self._served.locked():
            self._served.write(lines)

    def served(self, *, since: datetime | None = None) -> list[Served]:
        """Return what answers carried, read from served.csv's beginning to its end."""
        csv_schema.check(self.folder)
        return csv_served.read(self._served.path, prefix_of(ceil_ms(since)).encode())

    def labeled(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
        features: bool = True,
    ) -> Labeled:
        """Return labeled rows; a narrow window is read from the ends of the files alone."""
        from housing_cli.prediction_log.csv import window as csv_window

        with self._read() as rows, self._read_feedback() as prices:
            query = self._query(rows, prices, version, newest, since, features=features)
            found = csv_window.labeled(query)
            if found is not None:
                return found
            from housing_cli.prediction_log.csv import wide as csv_wide

            return csv_wide.labeled(query)

    def predictions(
        self,
        *,
        version: str | None = None,
        newest: int | None = None,
        since: datetime | None = None,
    ) -> Predictions:
        """Return predictions; a narrow window is read from the ends of the files alone."""
        from housing_cli.prediction_log.csv import window as csv_window

        with self._read() as rows, self._read_feedback() as prices:
            query = self._query(rows, prices, version, newest, since)
            found = csv_window.predictions(query)
            if found is not None:
                return found
            from housing_cli.prediction_log.csv import wide as csv_wide

            return csv_wide.predictions(query)

    def glance(self, *, predictions: int, labeled: int) -> Glance:
        """Return the newest rows, from the ends of the files alone."""
        from housing_cli.prediction_log.csv import glance as csv_glance

        with self._read() as rows, self._read_feedback() as prices:
            return csv_glance.glance(self._query(rows, prices, None), predictions, labeled)

    def sums(self, query: SumsQuery) -> Sums:
        """Return sums; DuckDB adds up."""
        from housing_cli.prediction_log.csv import wide as csv_wide

        with self._read() as rows, self._read_feedback() as prices:
            asked = self._query(rows, prices, query.version, since=query.since)
            return csv_wide.sums(asked, query, self.columns[3:-1])

    def arrivals(self, query: ArrivalsQuery) -> Arrivals:
        """Return counts of labels by day of arrival; DuckDB counts."""
        from housing_cli.prediction_log.csv import wide as csv_wide

        with self._read() as rows, self._read_feedback() as prices:
            asked = self._query(rows, prices, query.version, since=query.since)
            return csv_wide.arrivals(asked, query)

    def late(self, query: LateQuery) -> Late:
        """Return the labels that came too late for a window, from the end of feedback.csv."""
        from housing_cli.prediction_log.csv import late as csv_late

        with self._read() as rows, self._read_feedback() as prices:
            asked = self._query(rows, prices, query.version, since=query.floor)
            found = csv_late.late(asked, query)
            if found is not None:
                return found
            from housing_cli.prediction_log.csv import wide as csv_wide

            return csv_wide.late(asked, query)

    def tried(self, query: TriedQuery) -> Tried:
        """Return the answers that a trial had a part in; DuckDB joins."""
        from housing_cli.prediction_log.csv import tried as csv_tried

        with (
            self._read() as rows,
            self._read_feedback() as prices,
            self._open(self._served.path, csv_served.COLUMNS) as served,
        ):
            asked = self._query(rows, prices, None, query.newest, query.since)
            return csv_tried.tried(asked, served, query)

    def init(self, *, migrate: bool = False) -> Initialized:
        """Make both files with their headers; served.csv is made by its first row."""
        before = csv_schema.check(self.folder) if self.predictions_path.exists() else 0
        self._establish(migrate=migrate)
        with self._feedback.locked():
            self._feedback.write(b"")
        return Initialized(before, csv_schema.check(self.folder))

    def check(self) -> None:
        """Raise when rows cannot be written now; creates nothing.

        served.csv is best effort: where it alone is broken, answers and real prices are recorded.
        """
        csv_schema.check(self.folder)
        for file in (self._predictions, self._feedback):
            file.check()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _record_jump(self, jump_ms: int) -> None:
        """Record that the clock stepped back; predictions.csv is locked."""
        csv_schema.record_jump(self.folder, jump_ms)
        self.clock_jump_ms = jump_ms

    def _establish(self, *, migrate: bool = False) -> None:
        """Make predictions.csv, or see what it is, and migrate the log under its lock."""
        with self._predictions.locked() as changed:
            if changed:
                self._follow(self._predictions)
            if migrate:
                csv_schema.write(self.folder, migrate=True)
            self._predictions.write(b"")

    def _follow(self, file: AppendFile) -> None:
        """Go on after what other processes wrote: ids never step back."""
        if file.identity != self._followed:
            csv_schema.check(self.folder)
        if file.size == 0:
            csv_schema.write(self.folder)
        self._followed = file.identity
        for limit in (_NEAR_END, _FAR_END):
            for line in reversed(file.last_lines(limit)):
                if found := id_of(line):
                    self._ids.not_below(found)
                    return

    def _find(self, prediction_id: str) -> bytes | None:
        """Return the line of a prediction, None if there is none."""
        wanted = canonical(prediction_id) or prediction_id
        if not 0 < len(wanted) <= _MAX_ID or not wanted.isprintable() or set(wanted) & set(',"'):
            return None
        reader = self._current()
        return None if reader is None else find(reader, wanted)

    def _current(self) -> LineReader | None:
        """Return a reader of the predictions as they are now."""
        try:
            status = os.stat(self.predictions_path)  # noqa: PTH116 - the hot path
        except FileNotFoundError:
            return None
        reader = self._reader
        if reader is None or reader.identity != (status.st_ino, status.st_dev):
            if reader is not None:
                reader.close()
            reader = self._reader = self._read()
        reader.grow(status.st_size)
        return reader

    def _query(
        self,
        rows: LineReader,
        prices: LineReader,
        version: str | None,
        newest: int | None = None,
        since: datetime | None = None,
        *,
        features: bool = True,
    ) -> Query:
        jumped = csv_schema.clock_jump_ms(self.folder) > 0
        return Query(
            rows, prices, self.width, version, newest, ceil_ms(since), features, jumped=jumped
        )

    def _read(self) -> LineReader:
        return self._open(self.predictions_path, self.columns)

    def _read_feedback(self) -> LineReader:
        return self._open(self.feedback_path, self.feedback_columns)

    def _open(self, path: Path, columns: Sequence[str]) -> LineReader:
        csv_schema.check(self.folder)
        try:
            return LineReader(path, columns)
        except OSError as error:
            raise unavailable(path, error) from error


def _judged(parse: Callable[[bytes], _Row], ordered: bool, line: bytes) -> None:
    """Raise ValueError unless a line is a row, of this tool's ids where the log is `ordered`."""
    if not is_time_ordered(parse(line).id) and ordered:
        raise ValueError("none of this log's ids")
