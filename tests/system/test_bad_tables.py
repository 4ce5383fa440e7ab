"""Every kind of table that cannot be used has its own line of error and its hint."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import FEATURES, QUICK, Housing, as_nobody, parquet, rows

MEND = "mend the value, or leave it empty where it is missing"
ALONE = (
    "write the number alone, with `.` as decimal mark, and without separators of thousands, "
    "percent and currency"
)
FAILURE = 1


def lines(*changes: tuple[int, str, str]) -> list[str]:
    """The small table, after (line number, column, new text)."""
    table = [line.split(",") for line in rows()]
    for line, column, text in changes:
        table[line - 1][table[0].index(column)] = text
    return [",".join(line) for line in table]


def text(*changes: tuple[int, str, str]) -> bytes:
    return ("\n".join(lines(*changes)) + "\n").encode()


def frame() -> pd.DataFrame:
    return pd.read_csv(io.StringIO("\n".join(rows())))


def xlsx() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def without(*columns: str) -> bytes:
    return frame().drop(columns=list(columns)).to_csv(index=False).encode()


@dataclass(frozen=True)
class Bad:
    """A table that cannot be used, and what is said of it."""

    name: str
    content: bytes | Callable[[Path], None] | None
    error: str
    hint: str
    options: Sequence[str] = ()


def directory(file: Path) -> None:
    file.mkdir()


def renamed() -> bytes:
    return text().replace(b"LSTAT", b"lstat", 1)


LONG = 'CRIM,ZN\n"' + "x" * 200_000

TABLES = [
    Bad("missing", None, "`t` does not exist", "give the table with `--data-path FILE`"),
    Bad("directory", directory, "`t` is a directory", "give a CSV, Parquet or Excel file"),
    Bad("empty", b"", "`t` is empty", "give a table with a header line and rows"),
    Bad("blank", b" \n\r\n\t\n", "`t` is empty", "give a table with a header line and rows"),
    Bad("BOM alone", b"\xef\xbb\xbf", "`t` is empty", "give a table with a header line and rows"),
    Bad(
        "header alone",
        (rows(0)[0] + "\n").encode(),
        "`t` has a header but no rows",
        "give a table with rows",
    ),
    Bad(
        "header again",
        "\n".join([*rows(3), rows(0)[0], *rows(5)[1:]]).encode(),
        "`t`, line 5: the header stands there again",
        "remove that line",
    ),
    Bad(
        "no header",
        "\n".join(rows(5)[1:]).encode(),
        f"`t` lacks columns {', '.join(f'`{name}`' for name in [*FEATURES, 'MEDV'])}",
        "the first line must hold the column names; it holds `0.00632`, `18`, `2.31`, `0`, `0.538` "
        "and 9 more",
    ),
    Bad(
        "column twice",
        text().replace(b"ZN", b"CRIM", 1).replace(b"CRIM,CRIM", b"CRIM,ZN,CRIM", 1),
        "`t` has column `CRIM` twice",
        "keep one of them",
    ),
    Bad(
        "missing column",
        without("AGE"),
        "`t` lacks column `AGE`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "missing columns",
        without("AGE", "TAX"),
        "`t` lacks columns `AGE`, `TAX`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "target column missing",
        without("MEDV"),
        "`t` lacks column `MEDV`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "wrong case",
        renamed(),
        "`t` lacks column `LSTAT`",
        'write `"lstat"` in `data.features`, or rename `lstat` to `LSTAT`',
    ),
    Bad(
        "text for a number",
        text((7, "RM", "six")),
        "`t`, line 7: `RM` is `six`, not a number",
        MEND,
    ),
    Bad(
        "text after blank lines",
        b"\n\n" + text((7, "RM", "six")),
        "`t`, line 9: `RM` is `six`, not a number",
        MEND,
    ),
    Bad(
        "thousands separator",
        text((4, "TAX", '"1,296"')),
        "`t`, line 4: `TAX` is `1,296`, not a number",
        f"{MEND}: {ALONE}",
    ),
    Bad(
        "currency",
        text((4, "MEDV", "$34.7")),
        "`t`, line 4: `MEDV` is `$34.7`, not a number",
        f"{MEND}: {ALONE}",
    ),
    Bad(
        "thousands as a spreadsheet writes them",
        text(*((line, "TAX", f"1@{line:03}") for line in range(2, 62)))
        .replace(b",", b";")
        .replace(b".", b",")
        .replace(b"@", b"."),
        "`t`, line 2: `TAX` is `1.002`, which may be 1002 or 1.002, and no other value of the "
        "column tells which",
        "write its numbers without separators of thousands (`1002`); if the mark is the "
        "decimal one, write `1,0020`",
    ),
    Bad("inf", text((3, "DIS", "inf")), "`t`, line 3: `DIS` is infinite", MEND),
    Bad("-Infinity", text((3, "B", "-Infinity")), "`t`, line 3: `B` is infinite", MEND),
    Bad("1e999", text((61, "TAX", "1e999")), "`t`, line 61: `TAX` is infinite", MEND),
    Bad(
        "beyond float32",
        text((8, "TAX", "1e39")),
        "`t`, line 8: `TAX` is 1e+39, beyond what a model can take (3.4e+38)",
        MEND,
    ),
    Bad(
        "target beyond float32",
        text((8, "MEDV", "4e38")),
        "`t`, line 8: `MEDV` is 4e+38, beyond what a model can take (3.4e+38)",
        MEND,
    ),
    Bad(
        "no target at all",
        text(*((line, "MEDV", "NA") for line in range(2, 62))),
        "`t` has no value in `MEDV`",
        "give rows whose price is known",
    ),
    Bad(
        "target zero",
        text((12, "MEDV", "0")),
        "`t`, line 12: `MEDV` is 0, not above 0",
        "mend the value, or remove the row",
    ),
    Bad(
        "target negative",
        text((12, "MEDV", "-3.5")),
        "`t`, line 12: `MEDV` is -3.5, not above 0",
        "mend the value, or remove the row",
    ),
    Bad(
        "short line",
        "\n".join([*rows(4), "1,2,3", *rows(6)[5:]]).encode(),
        "`t`, line 6: 3 values for 14 columns",
        "give every line as many values as the header; a value that holds the separator stands "
        "in double quotes",
    ),
    Bad(
        "long line",
        text((5, "MEDV", "33.4,1")),
        "`t`, line 5: 15 values for 14 columns",
        "give every line as many values as the header; a value that holds the separator stands "
        "in double quotes",
    ),
    Bad(
        "unclosed quote",
        text((9, "RM", '"6.1')),
        "`t`, line 9: not CSV: a quote is opened and never closed",
        "close every double quote, and write one inside a value twice",
    ),
    Bad(
        "quote inside",
        text((9, "RM", '"6"1')),
        "`t`, line 9: not CSV: ',' expected after '\"'",
        "close every double quote, and write one inside a value twice",
    ),
    Bad(
        "NUL bytes",
        text((6, "RM", "\0")),
        "`t`, line 6: NUL bytes, which no CSV file has",
        "give UTF-8 text or a Parquet file",
    ),
    Bad(
        "UTF-16",
        text().decode().encode("utf-16"),
        "`t` is UTF-16 text, neither CSV nor Parquet",
        "save the file as UTF-8",
    ),
    Bad(
        "Latin-1",
        text((6, "RM", "sé")).decode().encode("latin-1"),
        "`t`, line 6: `RM` is `sé`, not a number",
        MEND,
    ),
    Bad(
        "UTF-8 and Latin-1",
        text((6, "RM", "sé")).replace(b"\n", b"\n\xe9", 1),
        "`t`, line 2: not UTF-8 text, which the file is elsewhere",
        "mend what stands there, or save the file as UTF-8",
    ),
    Bad(
        "bytes of no text",
        text((6, "RM", "@")).replace(b"@", b"\x81"),
        "`t`, line 6: not UTF-8 text",
        "save the file as UTF-8",
    ),
    Bad(
        "torn Excel",
        xlsx(),
        "`t` is not a readable Excel workbook",
        "save the sheet as `CSV UTF-8`, or the workbook again as `.xlsx`",
    ),
    Bad(
        "old Excel",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
        "`t` is an old Excel workbook, neither CSV nor Parquet",
        "save the sheet as `CSV UTF-8`",
    ),
    Bad(
        "gzip",
        gzip.compress(gzip.compress(text())),
        "`t` is compressed with gzip twice, neither CSV nor Parquet",
        "unpack it with `gunzip`",
    ),
    Bad(
        "torn gzip",
        gzip.compress(text())[:300],
        "`t` is not a readable gzip file: compressed file ended before the end-of-stream marker "
        "was reached",
        "write or copy the file again",
    ),
    Bad(
        "ZIP archive",
        b"PK\x03\x04" + bytes(40),
        "`t` is a ZIP archive, neither CSV nor Parquet",
        "unpack it, or save the sheet as `CSV UTF-8` or `.xlsx`",
    ),
    Bad(
        "torn Parquet",
        parquet(frame())[:2000],
        "`t` is not a readable Parquet file: No magic bytes found at end of file",
        "write or copy the file again",
    ),
    Bad(
        "Parquet lacking a column",
        parquet(frame().drop(columns="RAD")),
        "`t` lacks column `RAD`",
        "add the columns, or name the right ones under `[data]` in the settings",
    ),
    Bad(
        "Parquet without rows",
        parquet(frame().head(0)),
        "`t` has no rows",
        "give a table with rows",
    ),
    Bad(
        "Parquet of lists",
        parquet(frame().assign(AGE=pd.Series([[1, 2]] * 60))),
        "`t`: `AGE` holds integer[] values",
        "store numbers, text or dates",
    ),
    Bad(
        "Parquet of text",
        parquet(frame().assign(AGE=["old", *["1"] * 59])),
        "`t`, row 1: `AGE` is `old`, not a number",
        MEND,
    ),
    Bad(
        "Parquet with infinity",
        parquet(frame().assign(AGE=[1.0, np.inf, *[1.0] * 58])),
        "`t`, row 2: `AGE` is infinite",
        MEND,
    ),
    Bad(
        "column without a value",
        text(*((line, "ZN", "") for line in range(2, 62))),
        "`t` has no value in `ZN`: it cannot be imputed",
        "fill the column, or take it out of `data.features` in the settings",
    ),
    Bad(
        "too few rows",
        "\n".join(rows(9)).encode(),
        "9 rows are too few for 5-fold cross-validation",
        "give at least 10 rows, or set `train.folds` lower",
    ),
    Bad(
        "outside the limits",
        text((10, "CHAS", "2")),
        "`t`, line 10: `CHAS` is 2, outside 0 to 1",
        "mend the value, or the limits under `[data.limits]` in the settings",
        ("--set", "data.limits.CHAS=[0, 1]"),
    ),
]  # fmt: skip


@pytest.mark.parametrize("bad", TABLES, ids=lambda bad: bad.name)
def test_a_table_that_cannot_be_used(bad: Bad, workshop: Path, housing: Housing) -> None:
    file = workshop / "t"
    if isinstance(bad.content, bytes):
        file.write_bytes(bad.content)
    elif bad.content is not None:
        bad.content(file)
    ran = housing("train", "--data-path", "t", *QUICK, *bad.options)
    assert ran.stderr == f"error: {bad.error}\nhint: {bad.hint}\n"
    assert (ran.code, ran.stdout) == (FAILURE, "")
    assert not (workshop / "artifacts").exists()


def test_a_table_that_one_may_not_read(table: Path, workshop: Path, housing: Housing) -> None:
    housing("train", "--data-path", "no-such-table")  # loads what the verb needs
    workshop.chmod(0o755)
    table.chmod(0)
    with as_nobody():
        ran = housing("train", "--data-path", table.name)
    assert ran.stderr == (
        "error: `table.csv` cannot be read: permission denied\n"
        "hint: give a CSV, Parquet or Excel file that you may read\n"
    )
    assert ran.code == FAILURE
