"""A replica of version 0.1.0 beside a newer one: `python -m tests.formats.old_writer URL`.

It writes the files and tables as that version did, with its own statements and none of today's
code: the log is looked at before every row, and refused if its `version` is above 1 or its columns
are others. Prints each id whose row and price it wrote, until its standard input ends.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import random
import select
import sys
import time
from pathlib import Path
from typing import Any

FEATURES = ("CRIM", "ZN", "INDUS", "CHAS", "NOX", "RM", "AGE", "DIS", "RAD", "TAX", "PTRATIO", "B",
            "LSTAT")  # fmt: skip
COLUMNS = ("id", "timestamp", "model_version", *FEATURES, "predicted_price")
PRICES = ("id", "timestamp", "real_price")


def new_id() -> str:
    value = (time.time_ns() // 1_000_000) << 80 | 7 << 76 | 2 << 62
    text = f"{value | random.getrandbits(62) | random.getrandbits(12) << 64:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def now() -> str:
    seconds, ms = divmod(time.time_ns() // 1_000_000, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"


def refuse_newer(version: int) -> None:
    if version > 1:
        raise SystemExit(f"log schema {version}, and this program knows 1")


class Csv:
    """The csv files, each under its `flock`."""

    def __init__(self, url: str) -> None:
        self.folder = Path(url.partition(":")[2])

    def look(self) -> None:
        path = self.folder / "schema.json"
        if path.exists():
            refuse_newer(int(json.loads(path.read_bytes())["version"]))

    def append(self, name: str, columns: tuple[str, ...], fields: list[str]) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        handle = os.open(self.folder / name, flags, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_size == 0:
                os.write(handle, (",".join(columns) + "\n").encode())
            found = next(csv.reader([os.pread(handle, 4096, 0).decode().splitlines()[0]]))
            if found != list(columns):
                raise SystemExit(f"{name} was written for other columns: {found}")
            os.write(handle, (",".join(fields) + "\n").encode())
        finally:
            os.close(handle)

    def predict(self, key: str) -> None:
        numbers = ["1.0"] * len(FEATURES)
        self.append("predictions.csv", COLUMNS, [key, now(), "v2", *numbers, "20.5"])

    def label(self, key: str) -> None:
        self.append("feedback.csv", PRICES, [key, now(), "21.5"])


class Sql:
    """The tables, one statement in autocommit each."""

    def __init__(self, url: str) -> None:
        self.connection: Any
        if url.startswith("sqlite"):
            import sqlite3

            path = url.removeprefix("sqlite:///")
            self.connection = sqlite3.connect(path, isolation_level=None, timeout=5)
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.mark = "?"
        else:
            import psycopg

            address = url.replace("+psycopg", "")
            self.connection = psycopg.connect(address, autocommit=True)
            self.mark = "%s"

    def look(self) -> None:
        query = "SELECT log_schema.version, log_schema.features FROM log_schema"
        version, features = self.connection.execute(query).fetchone()
        refuse_newer(version)
        if json.loads(features) != list(FEATURES):
            raise SystemExit(f"the log was written for other features: {features}")

    def predict(self, key: str) -> None:
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        marks = ", ".join([self.mark] * len(COLUMNS))
        row = (key, now(), "v2", *[1.0] * len(FEATURES), 20.5)
        self.connection.execute(f"INSERT INTO predictions ({names}) VALUES ({marks})", row)

    def label(self, key: str) -> None:
        self.connection.execute(
            "INSERT INTO feedback (id, revision, timestamp, model_version, real_price)"
            f" VALUES ({', '.join([self.mark] * 5)}) ON CONFLICT (id, revision) DO NOTHING",
            (key, 1, now(), "v2", 21.5),
        )


def main(url: str) -> None:
    log = Csv(url) if url.startswith("csv:") else Sql(url)
    while not select.select([sys.stdin], [], [], 0)[0]:
        key = new_id()
        log.look()
        log.predict(key)
        log.label(key)
        print(key, flush=True)
        time.sleep(0.001)


if __name__ == "__main__":
    main(sys.argv[1])
