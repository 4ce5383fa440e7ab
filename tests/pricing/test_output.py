"""What is written of a priced table: its own columns as they were, ours behind them."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from housing_cli.data.kinds import Category
from housing_cli.data.parquet import csv_to_parquet
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import OutputError, UsageError
from housing_cli.pricing import output
from housing_cli.pricing.output import ErrorList, PricedTable, own_names, written_to
from housing_cli.pricing.records import RecordStream
from housing_cli.pricing.rows import Refusal
from housing_cli.pricing.source import Source


def source_of(
    header: str, separator: str = ",", marks: dict[str, str] | None = None,
    types: dict[str, str] | None = None, units: dict[str, str] | None = None,
) -> Source:  # fmt: skip
    stream = RecordStream(io.BytesIO(), Path("t.csv"))
    names = header.split(separator)
    return Source(
        Path("t.csv"),
        names,
        header.encode(),
        separator,
        stream,
        marks or {},
        units or {},
        "," if separator == ";" and "," in (marks or {}).values() else ".",
        types=types or {},
    )


def test_columns_of_ours_never_hide_one_of_the_table() -> None:
    names = ["id", "predicted_price", "model_version"]
    assert own_names(names, ["RM"]) == names
    assert own_names(names, ["id", "RM"]) == ["housing_id", "predicted_price", "model_version"]
    assert own_names(["id"], ["id", "housing_id"]) == ["housing_id_2"]


def test_rows_keep_their_text_and_gain_their_price() -> None:
    file = io.BytesIO()
    table = PricedTable(file, source_of("a,b"), ["price", "lower", "version"])
    table.write([b'1,"x, y"', b"2,"], np.array([True, True]), [[21.6, 1e-7], [0.0, 1e17], "v1"])
    table.write([b"3,", b"4,z"], np.array([False, True]), [[0.1], [0.05], "v1"])
    table.write([b"5,"], np.array([False]), [[], [], "v1"])
    assert file.getvalue().decode().splitlines() == [
        "a,b,price,lower,version",
        '1,"x, y",21.6,0.0,v1',
        "2,,1e-7,1e+17,v1",
        "4,z,0.1,0.05,v1",
    ]


def test_a_table_with_decimal_commas_gets_prices_with_them() -> None:
    file = io.BytesIO()
    table = PricedTable(file, source_of("a;b", ";", {"a": ",", "b": "."}), ["price"])
    table.write([b"1,5;2"], np.array([True]), [[21.604834]])
    assert file.getvalue() == b"a;b;price\n1,5;2;21,604834\n"


@pytest.mark.parametrize(
    ("name", "kind"), [("x.csv", ".csv"), ("x.PARQUET", ".parquet"), ("/dev/null", ".csv")]
)
def test_the_name_says_the_format(name: str, kind: str) -> None:
    assert output.format_of(Path(name)) == kind


@pytest.mark.parametrize("name", ["x.xlsx", "x", "x.json", "."])
def test_other_names_are_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError, match="says no format"):
        output.format_of(Path(name))


def test_a_file_is_there_when_all_was_written(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_bytes(b"before")
    with contextlib.suppress(KeyboardInterrupt), written_to(out) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("out.csv", b"before")]
    with written_to(out) as file:
        file.write(b"all")
        assert out.read_bytes() == b"before"
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("out.csv", b"all")]


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    read, written = os.pipe()
    with written_to(Path(f"/dev/fd/{written}")) as file:
        file.write(b"rows")
    assert os.read(read, 10) == b"rows"
    for handle in (read, written):
        os.close(handle)


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot be written: no such file"),
        written_to(tmp_path / "no" / "out.csv"),
    ):
        pass


def test_refused_rows_are_listed_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "out.errors.csv"
    with contextlib.ExitStack() as held:
        listed = ErrorList("t.csv", path, held)
        listed.add([])
        assert not listed.written
        listed.add([Refusal(7, "a", "no, not so", "x"), Refusal(7, "b", "below 0", "-1")])
        listed.add([Refusal(9, "", "1 values for 2 columns")])
        assert not path.exists()
    assert (listed.rows, len(listed.first)) == (2, 3)
    assert path.read_text().splitlines() == [
        "file,line,column,reason,value",
        't.csv,7,a,"no, not so",x',
        "t.csv,7,b,below 0,-1",
        "t.csv,9,,1 values for 2 columns,",
    ]


def test_an_older_list_of_mended_rows_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with contextlib.ExitStack() as held:
        listed = ErrorList("t.csv", tmp_path / "out.errors.csv", held)
        listed.remove_older()  # there is none
        listed.path.write_text("somebody's own\n")  # type: ignore[union-attr]
        listed.remove_older()
        assert (tmp_path / "out.errors.csv").exists()
        (tmp_path / "out.errors.csv").write_text("file,line,column,reason,value\nt.csv,7,a,x,y\n")
        listed.remove_older()
        assert not (tmp_path / "out.errors.csv").exists()


SCHEMA = FeatureSchema(("a", "b"), "price", {}, {"b": Category({"x": 1})})


def to_parquet(tmp_path: Path, source: Source, names: list[str], rows: str) -> list[Any]:
    text = tmp_path / "t.csv"
    text.write_text(source.header_text.decode() + source.separator + "own\n" + rows)
    columns = output.parquet_columns(source, names, SCHEMA)
    csv_to_parquet(text, tmp_path / "t.parquet", columns, source.separator)
    with duckdb.connect() as database:
        found = database.read_parquet(str(tmp_path / "t.parquet"))
        return [tuple(map(str, found.types)), *found.fetchall()]


def test_of_csv_features_become_numbers_and_all_else_stays_text(tmp_path: Path) -> None:
    rows = '+.5,x,007,1.25\nNA,"",,2\n" 5. ","two\nlines","a ""b""",3e-7\n'
    found = to_parquet(tmp_path, source_of("a,b,code"), ["predicted_price"], rows)
    assert found == [
        ("DOUBLE", "VARCHAR", "VARCHAR", "DOUBLE"),
        (0.5, "x", "007", 1.25),
        (None, "", None, 2.0),
        (5.0, "two\nlines", 'a "b"', 3e-7),
    ]


def test_numbers_are_read_by_the_mark_of_their_column(tmp_path: Path) -> None:
    source = source_of("a;b", ";", {"a": ",", "b": "."})
    found = to_parquet(tmp_path, source, ["predicted_price"], "1.234,5;x;21,5\n")
    assert found[1] == (1234.5, "x", 21.5)
    source = source_of("a;b", ";", {"a": ".", "b": "."})
    found = to_parquet(tmp_path, source, ["model_version"], "1,234.5;x;v1\n")
    assert found[1] == (1234.5, "x", "v1")


def test_units_do_not_keep_features_from_being_numbers(tmp_path: Path) -> None:
    source = source_of("a;b", ";", {"a": ","}, units={"a": "m²"})
    found = to_parquet(tmp_path, source, ["predicted_price"], "1.234,5 m2;x;1\nNA;x;1\n 7;x;1\n")
    assert [row[0] for row in found[1:]] == [1234.5, None, 7]


def test_columns_of_parquet_keep_their_types(tmp_path: Path) -> None:
    types = {"a": "FLOAT", "b": "VARCHAR", "when": "TIMESTAMP"}
    source = source_of("a,b,when", types=types)
    found = to_parquet(tmp_path, source, ["housing_id"], "0.10000000149011612,x,2026-01-02,7\n")
    assert found[0] == ("FLOAT", "VARCHAR", "TIMESTAMP", "VARCHAR")
    assert found[1][3] == "7"
