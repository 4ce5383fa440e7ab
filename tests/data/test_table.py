"""Odd tables that are legal: they are read as the plain one is."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from housing_cli.config import Settings
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import Table, read_table
from tests.conftest import FEATURES, SHIPPED, parquet, rows, workbook

SCHEMA = Settings().schema()
INDEX = "columns that are no feature (one without a name)"
PLAIN = "\n".join(rows()) + "\n"


def frame() -> pd.DataFrame:
    return pd.read_csv(io.StringIO(PLAIN))


def read(content: bytes | str, tmp_path: Path, schema: FeatureSchema = SCHEMA) -> Table:
    file = tmp_path / "table"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(file, schema)


def semicolons(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def quoted(text: str) -> str:
    return "\n".join(
        ",".join(f'"{value}"' for value in line.split(",")) for line in text.splitlines()
    )


def padded(text: str) -> str:
    return "\n".join(line.replace(",", " , ") + "  " for line in text.splitlines())


ODD: dict[str, Callable[[], bytes | str]] = {
    "plain": lambda: PLAIN,
    "BOM": lambda: b"\xef\xbb\xbf" + PLAIN.encode(),
    "semicolons and decimal commas": lambda: semicolons(PLAIN),
    "semicolons and decimal points": lambda: PLAIN.replace(",", ";"),
    "tabs": lambda: PLAIN.replace(",", "\t"),
    "CRLF": lambda: PLAIN.replace("\n", "\r\n"),
    "CR": lambda: PLAIN.replace("\n", "\r"),
    "no newline at the end": lambda: PLAIN.rstrip("\n"),
    "quoted numbers": lambda: quoted(PLAIN),
    "blank lines": lambda: "\n\n" + PLAIN.replace("\n", "\n\n") + "   \n",
    "spaces around values": lambda: padded(PLAIN),
    "shuffled columns": lambda: frame()[sorted(frame().columns)].to_csv(index=False),
    "scientific notation": lambda: frame().to_csv(index=False, float_format="%.17e"),
    "gzip": lambda: gzip.compress(PLAIN.encode()),
    "Parquet in gzip": lambda: gzip.compress(parquet(frame())),
    "Latin-1": lambda: (PLAIN.replace("\n", ",a\xf1o\n")).encode("latin-1"),
    "thousands in quotes": lambda: frame().to_csv(index=False, float_format="{:,.9f}".format),
    "a unit": lambda: frame().assign(RM=[f"{value} m²" for value in frame()["RM"]]).to_csv(),
    "Excel": lambda: workbook(frame()),
    "Excel of text": lambda: workbook(frame().astype("str")),
    "Parquet": lambda: parquet(frame()),
    "Parquet of nullable numbers": lambda: parquet(frame().convert_dtypes()),
    "Parquet of categories": lambda: parquet(frame().astype({"RAD": "category"})),
    "Parquet of decimals": lambda: parquet(
        frame().assign(TAX=lambda t: t["TAX"].astype(object).map(int).map(Decimal))
    ),
    "Parquet of text": lambda: parquet(frame().astype("str")),
    "Parquet of flags": lambda: parquet(frame().astype({"CHAS": "bool"})),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_table_is_read_as_the_plain_one(odd: str, tmp_path: Path) -> None:
    expected = frame()
    table = read(ODD[odd](), tmp_path)
    np.testing.assert_allclose(table.features, expected[FEATURES].to_numpy(float), rtol=1e-15)
    np.testing.assert_allclose(table.target, expected["MEDV"].to_numpy(), rtol=1e-15)
    assert table.dropped.keys() <= {"columns that are no feature (`año`)", INDEX}


@pytest.mark.parametrize(
    "text", ["", "NA", "na", "N/A", "NaN", "null", "None", "?", "-", "#N/A", "<NA>", " "]
)
def test_every_spelling_of_a_missing_value_is_understood(text: str, tmp_path: Path) -> None:
    line = rows()[1].split(",")
    line[FEATURES.index("AGE")] = text
    table = read("\n".join([rows()[0], ",".join(line), *rows()[2:]]), tmp_path)
    assert np.isnan(table.features).sum() == 1
    assert np.isnan(table.features[0, FEATURES.index("AGE")])


def test_nullable_parquet_values_are_missing(tmp_path: Path) -> None:
    table = frame().astype({"RAD": "Int64"})
    table.loc[3, "RAD"] = pd.NA
    read_back = read(parquet(table), tmp_path)
    assert np.argwhere(np.isnan(read_back.features)).tolist() == [[3, FEATURES.index("RAD")]]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    table = frame().assign(note="x", ID=range(60))
    table.loc[[2, 5], "MEDV"] = np.nan
    dropped = {"columns that are no feature (`note`, `ID`)": 2, "rows without `MEDV`": 2}
    for content in (table.to_csv(index=False), parquet(table)):
        read_back = read(content, tmp_path)
        assert (read_back.dropped, len(read_back)) == (dropped, 58)


def test_the_index_column_of_pandas_is_left_out(tmp_path: Path) -> None:
    assert read(frame().to_csv(), tmp_path).dropped == {INDEX: 1}


def test_a_line_of_separators_is_a_row_without_a_target(tmp_path: Path) -> None:
    assert read(PLAIN + "," * 13 + "\n", tmp_path).dropped == {"rows without `MEDV`": 1}


def test_the_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    table = read_table(SHIPPED, SCHEMA)
    assert table.sha256 == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert (len(table), table.path) == (506, str(SHIPPED))


@given(st.lists(st.floats(-3e38, 3e38), min_size=1, max_size=20))
def test_every_number_is_read_to_its_last_digit(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    # A target that never changes is refused.
    text = "a,y\n" + "".join(f"{n!r},{row + 1}\n" for row, n in enumerate(numbers))
    table = read(text, tmp_path_factory.mktemp("t"), FeatureSchema(("a",), "y"))
    assert table.features[:, 0].tolist() == numbers


@given(st.binary(max_size=300))
def test_no_bytes_are_answered_with_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    from housing_cli.errors import DataError

    with pytest.raises(DataError) as raised:
        read(b"a,b\n" + content, tmp_path_factory.mktemp("t"), FeatureSchema(("a",), "y"))
    assert raised.value.hint
