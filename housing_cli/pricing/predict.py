"""Price a table with a version: read, score, record and write it block by block.

The version, its scoring, its intervals and their digits are those of the server (`api/served.py`),
so that a row has the price that `/predict` answers, to the last bit. While one block is scored
outside of the interpreter lock, the next is read and the one before is written.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from housing_cli.api.explainer import load_explainer, rounded
from housing_cli.api.served import NOT_FINITE, Served, factors_of, load_served
from housing_cli.config import Settings
from housing_cli.config.cores import available_cores
from housing_cli.data.parquet import csv_to_parquet
from housing_cli.data.reading import Reading
from housing_cli.errors import LogError
from housing_cli.model.compiled import prepared, shortest
from housing_cli.model.explanation import Explainer
from housing_cli.prediction_log import PredictionLog, open_log
from housing_cli.pricing import output
from housing_cli.pricing.records import Records
from housing_cli.pricing.rows import Refusal, RowReader, Rows
from housing_cli.pricing.source import Source, open_source
from housing_cli.registry import open_reader
from housing_cli.registry.audit import verify_move
from housing_cli.words import are, counted

Scored = tuple[NDArray[np.float32], NDArray[np.float64]]
Progress = Callable[[str, int, int], None]
EXPLAINED_ROWS = 20


@dataclass(frozen=True, slots=True)
class Priced:
    """What became of a table.

    rows: how many were priced; refused: how many were not, and the first reasons. unknown: how
    often which word of which feature was met that the vocabulary lacks. columns: what the columns
    of the prices are called. errors: the file that lists what was refused, where there is one.
    logged: how many predictions were recorded. reading: how the table was read. outside: in how
    many rows a feature was beyond all that the version learned.
    """

    version: str
    rows: int
    refused: int
    first: tuple[Refusal, ...]
    unknown: dict[str, dict[str, int]]
    columns: tuple[str, ...]
    errors: Path | None
    seconds: float
    place: Callable[[int], str]
    logged: int = 0
    reading: Reading = field(default_factory=Reading)
    outside: dict[str, int] = field(default_factory=dict)


def load(settings: Settings, ref: str) -> Served:
    """Return the version that REF names as a server of these settings answers with it.

    Raises `VersionNotFound`, `VersionCorrupt`, and `LogError` where intervals are adapted by a log
    that cannot be read.
    """
    registry = open_reader(settings)
    version = registry.get(ref)
    verify_move(registry, ref, version)
    served = load_served(registry, version.name)
    if not settings.serve.adapt_intervals or served.intervals is None:
        return served
    log = open_log(settings.log.url, served.schema, fsync=settings.log.fsync)
    try:
        return served.adapted(*factors_of(served, log))
    finally:
        log.close()


def explainer(settings: Settings, served: Served) -> Explainer:
    """Return what says why the version gives its prices. Raises `NotExplained`."""
    return load_explainer(open_reader(settings), served.version, served.model)


def price_table(
    settings: Settings,
    table: str,
    to: Path | BinaryIO,
    *,
    ref: str = "production",
    errors: Path | None = None,
    record: bool = False,
    explain: bool = False,
    progress: Progress = lambda _what, _done, _total: None,
) -> Priced:
    """Price the rows of `table` (`-`: standard input) and write them to a file or a stream.

    errors: where rows that were refused are listed; by default beside the file, and nowhere for a
    stream. record: append the predictions to the log, each block as one batch; their ids are a
    column. explain: a column for what each feature adds to the mean price, which takes 20 ms a row.
    Raises `HousingError`; nothing is written to files then.
    """
    started = time.monotonic()
    served = load(settings, ref)
    with open_source(table, served.schema) as source, contextlib.ExitStack() as held:
        log = held.enter_context(_log(settings, served)) if record else None
        reader = RowReader(source, served.schema, refuse=settings.api.unknown_category == "refuse")
        beside = output.errors_path(to) if isinstance(to, Path) else None
        listed = output.ErrorList(table, errors or beside, held)
        if errors is not None:
            listed.open()
        why = explainer(settings, served) if explain else None
        names = output.own_names(_columns(served, why, record=record), source.header)
        with _written(to, source, names, served) as file:
            writer = output.PricedTable(file, source, names)
            run = _Run(served, writer, listed, log, _Why(served, why, progress) if why else None)
            run.all(_scored(served, source, reader), source, progress)
    listed.remove_older()
    return Priced(
        version=served.name,
        rows=run.rows,
        refused=listed.rows,
        first=tuple(listed.first),
        unknown=reader.unknown_words(),
        columns=tuple(names),
        errors=listed.path if listed.written else None,
        seconds=time.monotonic() - started,
        place=source.place,
        logged=run.rows if record else 0,
        reading=source.reading,
        outside=dict(run.outside.most_common()),
    )


def _columns(served: Served, why: Explainer | None, *, record: bool) -> list[str]:
    names = ["predicted_price", "model_version", *(["id"] if record else [])]
    if served.intervals is not None:
        names[1:1] = ["lower", "upper"]
    if why is not None:
        word = "factor" if why.scale == "log" else "contribution"
        names += ["base", *(f"{word}_{name}" for name in served.schema.features)]
    return names


@contextlib.contextmanager
def _log(settings: Settings, served: Served) -> Iterator[PredictionLog]:
    """Give the log, which can be written now. Raises `LogError`."""
    log = open_log(settings.log.url, served.schema, fsync=settings.log.fsync)
    try:
        log.check()
        yield log
    finally:
        log.close()


def _scored(
    served: Served, source: Source, reader: RowReader
) -> Iterator[tuple[Records, Rows, Scored]]:
    """Yield each block with its prices and spreads; a few blocks are scored ahead."""
    cores = available_cores()
    ahead: deque[tuple[Records, Rows, Future[Scored]]] = deque()
    pool = ThreadPoolExecutor(cores, thread_name_prefix="score")
    try:
        for records in source.blocks():
            read = reader.read(records)
            ahead.append((records, read, pool.submit(_run, served, read.features)))
            if len(ahead) > cores:
                done = ahead.popleft()
                yield *done[:2], done[2].result()
        while ahead:
            done = ahead.popleft()
            yield *done[:2], done[2].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _run(served: Served, features: NDArray[np.float64]) -> Scored:
    if not len(features):
        return np.empty(0, dtype=np.float32), np.empty(0)
    return served.model.run(prepared(features))


class _Why:
    """Explains the prices of rows, a few at a time, and says how far it is."""

    def __init__(self, served: Served, explainer: Explainer, progress: Progress) -> None:
        self._features = served.schema.features
        self._explainer = explainer
        self._progress = progress
        self._done = 0

    def columns(self, rows: NDArray[np.float64]) -> list[list[float]]:
        """Return the base, and what each feature adds, of rows (n, k): k + 1 columns."""
        found: list[list[float]] = []
        for start in range(0, len(rows), EXPLAINED_ROWS):
            explained = self._explainer.explain(rows[start : start + EXPLAINED_ROWS])
            count = len(explained.contributions)
            found += [rounded(explained, place) for place in range(count)]
            self._done += count
            self._progress("explained", self._done, max(self._done, len(rows)))
        return np.array(found).reshape(-1, len(self._features) + 1).T.tolist()


class _Run:
    """Records and writes blocks whose prices are known, and lists what was refused of them."""

    def __init__(
        self,
        served: Served,
        writer: output.PricedTable,
        listed: output.ErrorList,
        log: PredictionLog | None,
        why: _Why | None = None,
    ) -> None:
        self._served, self._writer, self._listed, self._log = served, writer, listed, log
        self._why = why
        self.rows = 0
        self.outside: Counter[str] = Counter()

    def all(
        self, blocks: Iterable[tuple[Records, Rows, Scored]], source: Source, progress: Progress
    ) -> None:
        """Write all blocks. What interrupts it notes how much is in the log."""
        try:
            for block in blocks:
                self.write(*block)
                if source.size:
                    progress("kB", source.stream.bytes_read // 1000, source.size // 1000)
                else:
                    progress("rows", self.rows, self.rows)
        except KeyboardInterrupt as error:
            if self._log is not None and self.rows:
                error.add_note(f"{counted(self.rows, 'row')} {are(self.rows)} in the log")
            raise

    def write(self, records: Records, read: Rows, scored: Scored) -> None:
        """Write one block. Raises `LogError`, `OutputError`."""
        (found, spreads), kept, features = scored, read.kept, read.features
        refused = list(read.refused)
        finite = np.isfinite(found)
        if not finite.all():
            places = np.flatnonzero(kept)[~finite]
            refused += [Refusal(records.lines[p], "", f"{NOT_FINITE} this row") for p in places]
            refused.sort(key=lambda one: one.line)
            kept[places] = False
            found, spreads, features = found[finite], spreads[finite], features[finite]
        prices = shortest(found)
        columns: list[Sequence[float] | Sequence[str] | str] = [prices]
        if self._served.intervals is not None:
            columns += self._served.ends(np.asarray(prices), spreads).T.tolist()
        columns.append(self._served.name)
        if self._log is not None:
            columns.append(self._recorded(self._log, features, prices))
        if self._why is not None:
            columns += self._why.columns(features)
        self._writer.write(records.texts, kept, columns)
        # By columns: in a table of other houses every row may be outside.
        for place, low, high, name in self._served.ranges:
            values = features[:, place]
            if beyond := int(((values < low) | (values > high)).sum()):
                self.outside[name] += beyond
        self._listed.add(refused)
        self.rows += len(prices)

    def _recorded(
        self, log: PredictionLog, features: NDArray[np.float64], prices: list[float]
    ) -> list[str]:
        """Return the ids of a block after it was logged, all of it or nothing."""
        if not prices:
            return []
        values = features.astype(object)
        values[np.isnan(features)] = None
        try:
            return log.append(self._served.name, values.tolist(), prices)
        except LogError as error:
            if self.rows:
                before = f"{counted(self.rows, 'row')} before it {are(self.rows)} in the log"
                error.message += f"; {before}, and no table was written"
            raise


@contextlib.contextmanager
def _written(
    to: Path | BinaryIO, source: Source, names: Sequence[str], served: Served
) -> Iterator[BinaryIO]:
    """Give the file for the priced rows, as csv; where Parquet is wanted it becomes that."""
    if not isinstance(to, Path):
        yield to
        to.flush()
        return
    with output.written_to(to) as file:
        if output.format_of(to) == output.CSV:
            yield file
            return
        with tempfile.NamedTemporaryFile(suffix=".csv", dir=to.parent) as text:
            yield text  # type: ignore[misc]
            text.flush()
            columns = output.parquet_columns(source, names, served.schema)
            csv_to_parquet(Path(text.name), Path(file.name), columns, source.separator)
