"""Every kind of damage to a registry has its own line of error and its hint."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import QUICK, SHIPPED, Housing

FAILURE = 1


def swap(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new, 1))


def edit(file: Path, **fields: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def forget(artifacts: Path) -> None:
    for name in ("history.jsonl", "history.sha256"):
        (artifacts / name).unlink()


def smuggle(artifacts: Path) -> None:
    """Tell of a copy in a line that is linked to the others, but has no part in the digest."""
    shutil.copytree(artifacts / "versions/v2", artifacts / "versions/v3")
    history = artifacts / "history.jsonl"
    lines = history.read_text().splitlines()
    line = json.loads(lines[-1])
    assert line["to"] == "v2"
    line |= {"to": "v3", "prev": hashlib.sha256(lines[-1].encode()).hexdigest()}
    history.write_text("\n".join([*lines, json.dumps(line)]) + "\n")


RESTORE = "restore the file, or use another version"
REGISTRIES: list[tuple[str, Callable[[Path], object], str, str, str]] = [
    ("no registry", lambda a: a.rename(a.with_name("gone")), "promote v1",
     "registry `artifacts` has no versions", "make one with `housing train`"),
    ("model.onnx changed", lambda a: (a / "versions/v2/model.onnx").write_bytes(b"x"),
     "promote v2", "`model.onnx` of v2 is not the file that was registered (SHA-256 differs)",
     RESTORE),
    ("model.onnx gone", lambda a: (a / "versions/v2/model.onnx").unlink(), "promote v2",
     "`model.onnx` of v2 cannot be read: no such file or directory", RESTORE),
    ("model.joblib changed", lambda a: (a / "versions/v1/model.joblib").write_bytes(b"x"),
     "registry verify", "`model.joblib` of v1 is not the file that was registered (SHA-256 "
     "differs)", RESTORE),
    ("metadata changed", lambda a: swap(a / "versions/v2/metadata.json", '"rmse":', '"rmse": '),
     "promote v2", "`metadata.json` of v2 is not the one that was registered", RESTORE),
    ("golden rows emptied", lambda a: edit(a / "versions/v2/metadata.json", golden={}),
     "promote v2", "`metadata.json` of v2 is not the one that was registered", RESTORE),
    ("baseline edited", lambda a: swap(a / "versions/v1/metadata.json", '"rmse": ', '"rmse": 9'),
     "evaluate", "`metadata.json` of v1 is not the one that was registered", RESTORE),
    ("baseline of the champion edited",
     lambda a: swap(a / "versions/v1/metadata.json", '"rmse": ', '"rmse": 9'),
     "promote v2", "`metadata.json` of v1 is not the one that was registered",
     "restore v1, or replace it all the same: `housing promote v2 --force`"),
    ("a copy that nobody registered",
     lambda a: shutil.copytree(a / "versions/v2", a / "versions/v3"), "promote v3",
     "v3 is there, but `artifacts/history.jsonl` does not tell of it",
     "restore the history from a backup, or remove `artifacts/versions/v3`"),
    ("history gone", forget,
     "promote v2", "v2 is there, but `artifacts/history.jsonl` does not tell of it",
     "restore the history from a backup, or remove `artifacts/versions/v2`"),
    ("a copy that a line behind the digest tells of", smuggle, "promote v3",
     "v3 is there, but `artifacts/history.jsonl` does not tell of it",
     "restore the history from a backup, or remove `artifacts/versions/v3`"),
    ("a file elsewhere", lambda a: edit(a / "versions/v2/metadata.json", files={"../v1/x": ""}),
     "promote v2", "`metadata.json` of v2 is not the one that was registered", RESTORE),
    ("metadata not UTF-8",
     lambda a: (a / "versions/v2/metadata.json").write_bytes(b'{"created":"\xff"}'),
     "registry show v2", "`metadata.json` of v2 cannot be read: 'utf-8' codec can't decode byte "
     "0xff in position 0: invalid start byte", RESTORE),
    ("metadata nested deeply",
     lambda a: (a / "versions/v2/metadata.json").write_text('{"evidence":{"a":' + "[" * 100_000),
     "registry show v2", "`metadata.json` of v2 cannot be read: maximum recursion depth exceeded "
     "while deserializing an object", RESTORE),
    ("history not UTF-8", lambda a: (a / "history.jsonl").write_bytes(b'{"when":"\xff"}\n'),
     "registry history", "line 1 of `artifacts/history.jsonl` is not an event",
     "restore the file from a backup"),
    ("metadata no JSON", lambda a: (a / "versions/v2/metadata.json").write_text("{"),
     "registry show v2", "`metadata.json` of v2 cannot be read: input data was truncated", RESTORE),
    ("metadata gone", lambda a: (a / "versions/v2/metadata.json").unlink(),
     "registry show v2", "`metadata.json` of v2 is missing", RESTORE),
    ("alias dangling", lambda a: (a / "aliases/production").write_text("v9\n"),
     "evaluate", "alias `production` names v9, which is not in registry `artifacts`",
     "point it anew with `housing promote REF --to production`"),
    ("alias empty", lambda a: (a / "aliases/production").write_text(""),
     "evaluate", "alias `production` names no version: its file holds ``",
     "point it anew with `housing promote REF --to production`"),
    ("alias moved by hand", lambda a: (a / "aliases/production").write_text("v2\n"),
     "registry verify", "alias `production` names v2, but `artifacts/history.jsonl` says v1",
     "point it with `housing promote REF --to production`"),
    ("history line changed", lambda a: swap(a / "history.jsonl", "train", "trian"),
     "registry verify", "line 1 of `artifacts/history.jsonl` was changed after it was written",
     "restore the file from a backup"),
    ("history line broken", lambda a: swap(a / "history.jsonl", "{", ""),
     "registry history", "line 1 of `artifacts/history.jsonl` is not an event",
     "restore the file from a backup"),
    ("history line gone", lambda a: (a / "history.jsonl").write_text(
        "\n".join((a / "history.jsonl").read_text().splitlines()[:-1]) + "\n"),
     "registry verify", "line 2 of `artifacts/history.jsonl` is not the last one that was written "
     "(SHA-256 differs from `history.sha256`)", "restore the file from a backup"),
    ("version gone", lambda a: (a / "versions/v2").rename(a / "v2"),
     "registry verify", "v2 was registered and never removed, but is not there",
     "restore `artifacts/versions/v2` from a backup"),
    ("journal damaged", lambda a: (a / ".journal.json").write_text("{"),
     "registry ls", "`artifacts/.journal.json` was damaged after it was written",
     "remove it, then see with `housing registry verify` what is missing"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "words", "error", "hint"),
    [case[1:] for case in REGISTRIES],
    ids=[case[0] for case in REGISTRIES],
)
def test_a_registry_that_was_damaged(
    damage: Callable[[Path], object],
    words: str,
    error: str,
    hint: str,
    artifacts: Path,
    housing: Housing,
) -> None:
    damage(artifacts)
    ran = housing(*words.split())
    assert ran.stderr == f"error: {error}\nhint: {hint}\n"
    assert (ran.code, ran.stdout) == (FAILURE, "")


def test_a_tag_that_two_versions_carry_names_neither(artifacts: Path, housing: Housing) -> None:
    housing("train", "--data-path", SHIPPED, "--tag", "first", *QUICK)
    ran = housing("promote", "first")
    assert ran.stderr == (
        "error: tag `first` is not unique: v1, v3 carry it\n"
        "hint: name one of them, for example `v3`\n"
    )
    assert ran.code == FAILURE
