"""Price a table with a version: read, score, record and write it block by block.

The version, its scoring, its intervals and their digits are those of the server (`api/served.py`),
so that a row has the price that `/predict` answers, to the last bit. While one block is scored
outside of the interpreter lock, the next is read and the one before is written.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from housing_cli.api.served import NOT_FINITE, Served, factors_of, load_served
from housing_cli.config import Settings
from housing_cli.config.cores import available_cores
from housing_cli.data.parquet import csv_to_parquet
from housing_cli.model.compiled import prepared, shortest
from housing_cli.prediction_log import open_log
from housing_cli.pricing import output
from housing_cli.pricing.records import Records
from housing_cli.pricing.rows import Refusal, RowReader, Rows
from housing_cli.pricing.source import Source, open_source
from housing_cli.registry import open_reader
from housing_cli.registry.audit import verify_move

Scored = tuple[NDArray[np.float32], NDArray[np.float64]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Priced:
    """What became of a table.

    rows: how many were priced; refused: how many were not, and the first reasons. unknown: how
    often which word of which feature was met that the vocabulary lacks. columns: what the columns
    of the prices are called. errors: the file that lists what was refused, where there is one.
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


def price_table(
    settings: Settings,
    table: str,
    to: Path | BinaryIO,
    *,
    ref: str = "production",
    errors: Path | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> Priced:
    """Price the rows of `table` (`-`: standard input) and write them to a file or a stream.

    errors: where rows that were refused are listed; by default beside the file, and nowhere for a
    stream. Raises `HousingError`; nothing is written to files then.
    """
    started = time.monotonic()
    served = load(settings, ref)
    with open_source(table, served.schema) as source, contextlib.ExitStack() as held:
        reader = RowReader(source, served.schema, refuse=settings.api.unknown_category == "refuse")
        beside = output.errors_path(to) if isinstance(to, Path) else None
        listed = output.ErrorList(table, errors or beside, held)
        if errors is not None:
            listed.open()
        names = ["predicted_price", "lower", "upper", "model_version"]
        if served.intervals is None:
            names = ["predicted_price", "model_version"]
        names = output.own_names(names, source.header)
        with _written(to, source, names, served) as file:
            writer = output.PricedTable(file, source, names)
            rows = 0
            for records, read, scored in _scored(served, source, reader):
                rows += _write(served, writer, listed, (records, read), scored)
                if source.size:
                    progress("bytes", source.stream.bytes_read, source.size)
                else:
                    progress("rows", rows, rows)
        place = source.place
    listed.remove_older()
    unknown: dict[str, dict[str, int]] = {}
    for (name, word), count in reader.unknown.items():
        unknown.setdefault(name, {})[word] = count
    return Priced(
        version=served.name,
        rows=rows,
        refused=listed.rows,
        first=tuple(listed.first),
        unknown=unknown,
        columns=tuple(names),
        errors=listed.path if listed.written else None,
        seconds=time.monotonic() - started,
        place=place,
    )


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


def _write(
    served: Served,
    writer: output.PricedTable,
    listed: output.ErrorList,
    block: tuple[Records, Rows],
    scored: Scored,
) -> int:
    """Write a block, list what was refused of it, and return how many rows were priced."""
    records, read = block
    found, spreads = scored
    refused, kept = list(read.refused), read.kept
    finite = np.isfinite(found)
    if not finite.all():
        places = np.flatnonzero(kept)[~finite]
        refused += [Refusal(records.lines[p], "", f"{NOT_FINITE} this row") for p in places]
        kept[places] = False
        found, spreads = found[finite], spreads[finite]
        refused.sort(key=lambda one: one.line)
    prices = shortest(found)
    columns: list[Sequence[float] | str] = [prices]
    if served.intervals is not None:
        columns += served.ends(np.asarray(prices), spreads).T.tolist()
    writer.write(records.texts, kept, [*columns, served.name])
    listed.add(refused)
    return len(prices)


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
