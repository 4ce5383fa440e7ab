"""`housing registry` and `housing promote`, asked as an operator would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import QUICK, SHIPPED, Housing, as_nobody

KEYS = ["command", "status", "exit_code", "data", "errors"]


def test_ls_shows_every_version_newest_first(artifacts: Path, housing: Housing) -> None:
    ran = housing("registry", "ls")
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert lines[0][:3] == ["version", "aliases", "tag"]
    assert [line[:3] for line in lines[1:]] == [
        ["v2", "-", "second"],
        ["v1", "production", "first"],
    ]
    listed = housing("registry", "ls", "--json").json
    assert list(listed) == KEYS
    assert [v["version"] for v in listed["data"]["versions"]] == ["v2", "v1"]
    assert listed["data"]["aliases"] == {"production": "v1"}


def test_ls_of_nothing_says_what_to_do_next(housing: Housing) -> None:
    ran = housing("registry", "ls")
    assert (ran.code, ran.stdout) == (0, "")
    assert ran.stderr == "no versions yet\nnext: housing init FILE --target COLUMN --train\n"


def test_ls_shows_the_others_where_one_is_broken(artifacts: Path, housing: Housing) -> None:
    (artifacts / "versions/v2/metadata.json").unlink()
    ran = housing("registry", "ls", "--json")
    assert ran.code == 1
    assert [v["version"] for v in ran.json["data"]["versions"]] == ["v1"]
    assert [error["message"] for error in ran.json["errors"]] == [
        "`metadata.json` of v2 is missing"
    ]


def test_show_tells_all_that_is_known(artifacts: Path, housing: Housing) -> None:
    data = housing("registry", "show", "first", "--json").json["data"]
    assert (data["version"], data["aliases"], data["seed"]) == ("v1", ["production"], 1)
    assert data["schema"]["target"] == "MEDV"
    assert data["golden_rows"] > 10
    assert "data.sha256" in housing("registry", "show", "v1").stdout


def test_diff_shows_what_differs_and_nothing_else(artifacts: Path, housing: Housing) -> None:
    changed = housing("registry", "diff", "first", "second", "--json").json["data"]["changed"]
    assert changed["seed"] == {"a": 1, "b": 2}
    assert "regressor" not in changed
    same = housing("registry", "diff", "v1", "1")
    assert same.stdout == "v1 and v1 are the same in all that is recorded\n"


def test_history_is_newest_first(artifacts: Path, housing: Housing) -> None:
    events = housing("registry", "history", "--json").json["data"]["events"]
    assert [event["event"] for event in events] == ["registered", "promoted", "registered"]
    assert set(events[0]) >= {"who", "when", "from", "to", "why"}


def test_verify_checks_one_or_all(artifacts: Path, housing: Housing) -> None:
    assert housing("registry", "verify").stdout == "2 versions, 3 events: all as recorded\n"
    assert housing("registry", "verify", "first").stdout == "v1: as recorded\n"


def test_gc_says_what_would_go_and_then_removes_it(artifacts: Path, housing: Housing) -> None:
    housing("promote", "v2", "--force")
    housing("train", "--data-path", SHIPPED, *QUICK)
    housing("promote", "v3", "--force")
    assert housing("registry", "gc", "--keep", "1", "--dry-run").stdout == "would remove v1\n"
    assert housing("registry", "gc", "--keep", "1").stdout == "removed v1\n"
    assert housing("registry", "gc", "--keep", "1").stdout == "nothing to remove\n"
    assert housing("registry", "verify").code == 0


def test_promote_moves_and_rollback_brings_back(artifacts: Path, housing: Housing) -> None:
    ran = housing("promote", "second", "--force", "--reason", "try it")
    assert ran.stdout == "production is v2 (was v1)\n"
    assert housing("promote", "v2").stdout == "production is v2 already\n"
    assert housing("promote", "--rollback").stdout == "production is v1 (was v2)\n"
    events = housing("registry", "history", "--json").json["data"]["events"]
    assert [(e["event"], e["why"]) for e in events[:2]] == [
        ("rolled back", "rollback"),
        ("promoted", "try it"),
    ]


def test_a_worse_version_is_refused_with_code_4(artifacts: Path, housing: Housing) -> None:
    worse = ("--set", "model.params.max_depth=1")
    housing("train", "--data-path", SHIPPED, *QUICK, *worse)
    ran = housing("promote", "v3", "--json")
    assert (ran.code, ran.json["status"], ran.json["exit_code"]) == (4, "refused", 4)
    assert ran.json["errors"][0]["hint"]
    assert (artifacts / "aliases/production").read_text() == "v1\n"
    assert housing("promote", "v3", "--force").code == 0


def test_another_alias_needs_no_comparison(artifacts: Path, housing: Housing) -> None:
    assert housing("promote", "v2", "--to", "staging").stdout == "staging is v2\n"
    assert json.loads(housing("registry", "show", "staging", "--json").stdout)["data"]["tag"] == (
        "second"
    )


READS = ("ls", "show v1", "show v1 --report card.html", "diff v1 v2", "history", "verify",
         "verify first", "gc --keep 1 --dry-run")  # fmt: skip


def close_all(artifacts: Path) -> None:
    for path in [artifacts, *artifacts.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def close_only_the_lock(artifacts: Path) -> None:
    (artifacts / ".lock").touch()
    (artifacts / ".lock").chmod(0o444)
    artifacts.chmod(0o777)


def leave_a_journal_and_close_all(artifacts: Path) -> None:
    (artifacts / ".journal.json").write_text("{")
    close_all(artifacts)


@pytest.mark.parametrize("close", [close_all, close_only_the_lock, leave_a_journal_and_close_all])
def test_reading_needs_no_permission_to_write(
    artifacts: Path, housing: Housing, close: Callable[[Path], None]
) -> None:
    Path.cwd().chmod(0o755)
    words = [read.split() for read in READS]
    before = [housing("registry", *read) for read in words]  # also imports what it takes
    Path("card.html").chmod(0o666)
    assert {read.code for read in before} == {0}
    close(artifacts)
    with as_nobody():
        closed = [housing("registry", *read) for read in words]
        refused = housing("registry", "gc", "--keep", "1")
    assert closed == before
    assert refused.code == 1
    assert "cannot be written: permission denied" in refused.stderr
    for path in [artifacts, *artifacts.rglob("*")]:
        path.chmod(0o755)


def test_a_key_is_made_and_signs_what_somebody_vouches_for(
    artifacts: Path, housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = housing("registry", "sign", "--new-key", "housing.key", "--json").json["data"]
    assert made["public_key"] in Path("housing.key").read_text()
    secret = Path("housing.key").read_text().splitlines()[1]
    none = housing("registry", "sign")
    assert (none.code, none.stderr.splitlines()[0]) == (1, "error: there is no key to sign with")
    monkeypatch.setenv("HOUSING_REGISTRY_SIGNING_KEY", "housing.key")
    monkeypatch.setenv("HOUSING_REGISTRY_TRUSTED_KEYS", made["public_key"])
    assert housing("registry", "verify").code == 1
    assert housing("registry", "sign").code == 1
    done = housing("registry", "sign", "--untrusted", "--json")
    assert done.json["data"]["signed"] == ["v1", "v2"]
    assert done.json["data"]["aliases"] == ["production"]
    proved = housing("registry", "verify", "--json").json["data"]
    assert proved["signed_by"] == dict.fromkeys(("v1", "v2"), made["key_id"])
    assert proved["signatures_checked"] is True
    assert secret not in "".join([done.stdout, done.stderr, none.stdout, none.stderr])


def test_a_new_key_signs_nothing_by_itself(housing: Housing) -> None:
    ran = housing("registry", "sign", "v1", "--new-key", "housing.key")
    assert ran.code == 64
    assert not Path("housing.key").exists()
