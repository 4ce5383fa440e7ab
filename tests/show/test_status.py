"""What `housing status` says, line by line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from housing_cli.config import settings_with_sources
from housing_cli.errors import LogUnavailable, VersionCorrupt
from housing_cli.loop.candidate import Candidate
from housing_cli.loop.status import Log, Serving, Status, status
from housing_cli.loop.tried import TrialStatus
from housing_cli.show.result import Table
from housing_cli.show.status import result_of, settings_result
from housing_cli.words import WIDTH
from tests.in_process import Loop, shuffled

ROWS = shuffled(7)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Status:
    loop = Loop(tmp_path_factory.mktemp("status"), ROWS[:280])
    loop.live(ROWS[280:370])
    loop.live(ROWS[370:440], 1.3)
    loop.predict(ROWS[440:450])
    return replace(status(loop.settings()), serving=Serving("http://h:1", True, "v1"),
                   log=Log("csv:logs", True, True))  # fmt: skip


def lines(found: Status) -> list[str]:
    told = "\n".join(str(block) for block in result_of(found, first="train").show).splitlines()
    assert all(len(line) <= WIDTH for line in told)
    return told


def test_the_loop_stands_in_ten_lines(found: Status) -> None:
    told = lines(found)
    assert len(told) <= 10
    assert told[0].startswith("v1 is degraded: RMSE 5.34, 1.22 times the baseline (")
    assert [line.split()[0] for line in told[1:]] == [
        "production", "since", "houses", "labels", "log", "serving", "next",
    ]  # fmt: skip
    assert "70 labels, RMSE" in told[2]
    assert told[4].endswith("; 10 predictions without one")
    assert told[-3:] == [
        "log         csv:logs, can be written",
        "serving     http://h:1 is ready with v1",
        "next        housing retrain --promote",
    ]


def test_json_holds_what_the_lines_say_and_the_whole_judgment(found: Status) -> None:
    result = result_of(found, first="train", carried=" --config x.toml")
    data = result.data
    assert (result.exit_code, result.status) == (0, "ok")
    assert list(data) == [
        "at", "version", "tag", "production_since", "production_by", "production_why", "verdict",
        "metric", "baseline", "current", "ratio", "interval", "threshold", "n", "min_samples",
        "since", "worst_segment", "better_version", "labels", "log", "serving", "trials",
        "candidate", "last_retrain", "next", "evaluation",
    ]  # fmt: skip
    assert data["next"]["command"] == "housing retrain --promote --config x.toml"
    assert (data["verdict"], data["labels"]["waiting"]) == ("degraded", 10)
    assert data["ratio"] == data["evaluation"]["ratio"]
    assert sum(point["n"] for point in data["evaluation"]["over_time"]["points"]) == data["n"]


def test_what_is_tried_and_what_waits_have_lines_of_their_own(found: Status) -> None:
    since = "2026-11-28T12:00:00.000Z"
    comparison = {"metric": "rmse", "challenger": 2.9, "champion": 3.41, "n": 120}
    busy = replace(
        found,
        trials=(
            TrialStatus("shadow", "v8", since, 0.0, "better", 310),
            TrialStatus("canary", "v9", since, 10.0, None, 0, "`model.onnx` of v9 cannot be read"),
        ),
        candidate=Candidate("v7", since, comparison, ""),
    )
    told = {line.split()[0]: line for line in lines(busy) if not line.startswith(" ")}
    assert ": better, 310 labels" in told["shadow"]
    assert ", 10% of the rows: `model.onnx` of v9" in told["canary"]
    all_of_it = " ".join(" ".join(lines(busy)).split())
    assert "RMSE 2.9 against 3.41 on 120 recent rows; housing promote v7" in all_of_it
    data = result_of(busy, first="train", carried=" --config x.toml").data
    assert [one["command"] for one in data["trials"]] == [
        "housing promote shadow --config x.toml",
        "housing evaluate --canary --config x.toml",
    ]
    assert data["candidate"] == {
        "version": "v7",
        "since": since,
        "evidence": "RMSE 2.9 against 3.41 on 120 recent rows",
        "refused": None,
        "command": "housing promote v7 --config x.toml",
    }
    held = "alias `canary` names no version: its file holds `v8 v9`"
    odd = replace(found, trials=(TrialStatus("canary", "v8\nv9" * 999, None, 0.0, None, 0, held),))
    assert f"{held}; housing evaluate --canary" in " ".join(" ".join(lines(odd)).split())
    assert "v8 v9v8" not in " ".join(lines(odd))
    worse = replace(busy, candidate=Candidate("v7", None, None, "it is worse"))
    said = " ".join(" ".join(lines(worse)).split())
    assert "housing promote v7 --force; without force refused: it is worse" in said


def test_who_waits_for_approval_is_next_and_not_another_retraining(found: Status) -> None:
    assert result_of(found, first="train").data["next"]["action"] == "retrain"
    waits = replace(found, candidate=Candidate("v7", None, None, ""))
    following = result_of(waits, first="train", carried=" --config x.toml").data["next"]
    assert (following["action"], following["command"]) == (
        "promote", "housing promote v7 --config x.toml",
    )  # fmt: skip
    last = " ".join(" ".join(lines(waits)).split())
    assert last.endswith("next housing promote v7; what was learned last waits for approval")
    refused = replace(found, candidate=Candidate("v7", None, None, "it is worse"))
    assert result_of(refused, first="train").data["next"]["action"] == "retrain"


def test_without_a_model_the_first_step_is_named(found: Status) -> None:
    none = replace(found, name=None, production=None, moved=None, judged=None)
    told = lines(none)
    assert told[0] == "no model yet" and told[-1] == "next        housing train"
    waiting = replace(none, waiting="v2")
    assert lines(waiting)[-1] == "next        housing promote v2"
    refused = replace(none, waiting="v2", refused="it is worse")
    assert "housing promote v2 --force" in lines(refused)[-1]
    assert result_of(waiting, first="train").data["next"]["action"] == "promote"


def test_a_failure_is_an_error_beside_what_is_known(found: Status) -> None:
    broken = LogUnavailable("the log is away", "start the database")
    failed = replace(found, judged=None, failed=broken,
                     log=Log("sqlite:///x", False, False, broken.message))  # fmt: skip
    result = result_of(failed, first="train")
    assert (result.exit_code, result.status) == (1, "error")
    assert result.errors[0]["message"] == "the log is away"
    told = lines(failed)
    assert told[0] == "v1 cannot be judged now"
    assert "log         sqlite:///x, cannot be used now" in told
    assert told[-1] == "next        start the database"


def test_a_broken_production_names_the_way_back(found: Status) -> None:
    broken = replace(found, production=None, judged=None, previous="v0",
                     failed=VersionCorrupt("v1 is broken", "restore the file"))  # fmt: skip
    result = result_of(broken, first="train", carried=" --config x.toml")
    assert (result.exit_code, result.data["version"]) == (1, "v1")
    assert result.data["next"]["command"] == "housing promote --rollback --config x.toml"
    told = lines(broken)
    assert told[0] == "v1 cannot be judged now"
    assert told[1].startswith("production  v1, since ")
    assert told[-1] == "next        housing promote --rollback (to v0); or restore the file"


def test_settings_say_where_they_came_from_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[serve]\nport = 9000\n[registry]\nsigning_key = "k"\n')
    environ = {"HOUSING_LOG_URL": "postgresql+psycopg://me:hush@h/d",
               "HOUSING_API_KEYS": "hush,hush2"}  # fmt: skip
    sets = ["train.seed=7", "model.params.hush=1", "model.regressor=Ridge", "api.keys=hush"]
    result = settings_result(*settings_with_sources(file, {}, sets, environ))
    told = result.data["settings"]
    assert told["serve.port"] == {"value": 9000, "source": f"{file}"}
    assert told["log.url"] == {
        "value": "postgresql+psycopg://me:***@h/d", "source": "variable HOUSING_LOG_URL",
    }  # fmt: skip
    assert told["train.seed"] == {"value": 7, "source": "--set train.seed"}
    assert told["api.keys"] == {"value": ["***"], "source": "--set api.keys"}
    assert told["registry.signing_key"]["value"] == "***"
    assert told["train.folds"] == {"value": 5, "source": "default"}
    (table,) = result.show
    assert isinstance(table, Table)
    assert "hush" not in str([row for row in table.rows if row[0] != "model.params"])
