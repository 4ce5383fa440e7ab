"""Parquet as other tools write it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest

from housing_cli.data.kinds import Boolean, Date
from housing_cli.data.schema import FeatureSchema
from housing_cli.data.table import Table, read_table
from housing_cli.errors import DataError

SCHEMA = FeatureSchema(("a", "b"), "y")


def read(tmp_path: Path, query: str, schema: FeatureSchema = SCHEMA, name: str = "t") -> Table:
    """Read the table that DuckDB writes for `query`."""
    file = tmp_path / name
    with duckdb.connect() as database:
        database.sql(query).write_parquet(str(tmp_path / "written"))
    (tmp_path / "written").rename(file)
    return read_table(file, schema)


def refused(tmp_path: Path, query: str) -> str:
    with pytest.raises(DataError) as raised:
        read(tmp_path, query)
    return raised.value.message.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    "kind", ["UTINYINT", "BIGINT", "HUGEINT", "FLOAT", "DECIMAL(9, 2)", "BOOLEAN", "VARCHAR"]
)
def test_every_type_of_number_is_a_number(kind: str, tmp_path: Path) -> None:
    table = read(tmp_path, f"SELECT CAST(1 AS {kind}) a, 2.5 b, 3 y")
    assert table.features.tolist() == [[1.0, 2.5]]


def test_booleans_and_days_are_what_they_are(tmp_path: Path) -> None:
    table = read(tmp_path, "SELECT true a, TIMESTAMP '2026-01-02 03:04:05' b, 3 y")
    assert table.kinds == {"a": Boolean(), "b": Date("2026-01-02")}
    assert table.features.tolist() == [[1.0, 20455.0]]


def test_text_is_read_as_in_a_csv_file(tmp_path: Path) -> None:
    query = "SELECT unnest(['1', ' NA ', NULL, '-2e3']) a, 2 b, unnest([3, 4, 3, 4]) y"
    table = read(tmp_path, query)
    np.testing.assert_array_equal(table.features[:, 0], [1.0, np.nan, np.nan, -2000.0])


def test_text_has_the_decimal_mark_that_its_numbers_settle(tmp_path: Path) -> None:
    """Somebody made text of a csv file whose mark he did not know."""
    table = read(tmp_path, "SELECT unnest(['54,5', '7']) a, 2.5 b, unnest(['1.144.993', '9']) y")
    assert table.features[:, 0].tolist() == [54.5, 7.0]
    assert table.target.tolist() == [1144993.0, 9.0]
    said = refused(tmp_path, "SELECT '54' a, 2.5 b, unnest(['144.993', '250.000']) y")
    assert said.startswith("`t`, row 1: `y` is `144.993`, which may be 144993 or 144.993")


def test_a_column_of_nulls_alone_cannot_be_imputed(tmp_path: Path) -> None:
    assert refused(tmp_path, "SELECT NULL a, 2 b, 3 y") == (
        "`t` has no value in `a`: it cannot be imputed"
    )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("TIME '10:00'", "time"), ("[1, 2]", "integer[]"), ("{'x': 1}", "struct(x integer)"),
        ("'a'::BLOB", "blob"), ("INTERVAL 1 DAY", "interval"),
    ],
)  # fmt: skip
def test_other_values_are_refused_with_their_type(value: str, kind: str, tmp_path: Path) -> None:
    said = refused(tmp_path, f"SELECT {value} a, 2 b, 3 y")
    assert said == f"`t`: `a` holds {kind} values"


def test_nested_columns_beside_the_features_are_left_out(tmp_path: Path) -> None:
    table = read(tmp_path, "SELECT {'a': {'b': 9}, 'y': [1]} s, 1 a, [[7]] l, 2 b, 3 y")
    assert table.features.tolist() == [[1.0, 2.0]]
    assert table.dropped == {"columns that are no feature (`s`, `l`)": 2}


def test_names_that_differ_in_case_are_two_columns(tmp_path: Path) -> None:
    file = tmp_path / "t"
    with duckdb.connect() as database:
        # DuckDB itself cannot write such a file: the names are swapped in its bytes, one for one.
        database.sql("SELECT 1 a, 9 Q, 2 b, 3 y").write_parquet(str(file))
    file.write_bytes(file.read_bytes().replace(b"\x01Q", b"\x01A"))
    table = read_table(file, SCHEMA)
    assert table.features.tolist() == [[1.0, 2.0]]
    assert table.dropped == {"columns that are no feature (`A`)": 1}


def test_a_column_that_is_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t"
    with duckdb.connect() as database:
        database.sql("SELECT 1 a, 9 Q, 2 b, 3 y").write_parquet(str(file))
    file.write_bytes(file.read_bytes().replace(b"\x01Q", b"\x01a"))
    with pytest.raises(DataError, match="has column `a` twice"):
        read_table(file, SCHEMA)


def test_a_path_of_pattern_characters_is_one_file(tmp_path: Path) -> None:
    query = "SELECT 1 a, 2 b, 3 y"
    assert len(read(tmp_path, query, name="*[a]?.parquet")) == 1


def test_quotes_in_a_name_are_part_of_it(tmp_path: Path) -> None:
    schema = FeatureSchema(('a "b" c',), "y")
    assert read(tmp_path, 'SELECT 1 "a ""b"" c", 3 y', schema).features.tolist() == [[1.0]]


@pytest.mark.slow
def test_every_damaged_file_is_refused(tmp_path: Path) -> None:
    read(tmp_path, "SELECT range a, 2 b, 3 + range % 2 y FROM range(500)")
    whole = (tmp_path / "t").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        torn = bytearray(whole)
        at = int(rng.integers(4, len(whole) - 20))
        torn[at : at + 20] = rng.bytes(20)
        (tmp_path / "t").write_bytes(torn)
        try:
            assert len(read_table(tmp_path / "t", SCHEMA)) > 0
        except DataError as error:
            assert error.hint
