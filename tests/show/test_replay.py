"""What is said of a replay: sentence, figures, exit code, payload."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from housing_cli.config.window import parse_window
from housing_cli.errors import ExitCode
from housing_cli.loop.replay import Replay, compare_prices
from housing_cli.registry import Version
from housing_cli.show.replay import replay_payload, replay_result, replay_sentence
from housing_cli.words import WIDTH

REAL = np.random.default_rng(0).uniform(10, 40, 100)
FOUND = Replay(
    version=cast(Version, SimpleNamespace(name="v8")),
    window=parse_window("30d"),
    metric="rmse",
    baseline=3.1,
    confidence=0.95,
    min_samples=30,
    labeled=130,
    learned=20,
    own=7,
    doubtful=0,
    repeated=3,
    skipped=0,
    n=100,
    clip=100.0,
    compared=compare_prices(REAL, REAL + 4, REAL + 1, metric="rmse", clip=100.0, confidence=0.95),
    verdict="better",
)


@pytest.mark.parametrize(
    ("verdict", "strict", "code", "status"),
    [
        ("better", True, ExitCode.OK, "ok"),
        ("worse", True, ExitCode.OK, "ok"),
        ("undecided", True, ExitCode.OK, "ok"),
        ("insufficient", False, ExitCode.OK, "insufficient"),
        ("insufficient", True, ExitCode.INSUFFICIENT, "insufficient"),
    ],
)
def test_a_replay_is_never_degraded(
    verdict: str, strict: bool, code: ExitCode, status: str
) -> None:
    result = replay_result(replace(FOUND, verdict=verdict), strict=strict)
    assert (result.command, result.exit_code, result.status) == ("evaluate", code, status)
    assert dict(result.outputs) == {}


def test_the_answer_is_a_sentence() -> None:
    assert replay_sentence(FOUND) == (
        "v8 would have done better than what was answered, on 100 labeled rows"
    )
    assert "told apart" in replay_sentence(replace(FOUND, verdict="undecided"))
    assert replay_sentence(replace(FOUND, verdict="insufficient", n=9)) == (
        "v8 cannot be compared: 9 labeled rows are fair to it, and 30 are needed"
    )
    assert "1 labeled row is fair to it" in replay_sentence(
        replace(FOUND, verdict="insufficient", n=1)
    )


def test_rows_left_out_are_counted() -> None:
    (line,) = [part for part in replay_result(FOUND, strict=False).show if "left out" in str(part)]
    assert line == (
        "labeled rows: 130\n"
        "  left out: 20 that v8 may have learned from\n"
        "  left out: 7 that v8 answered itself\n"
        "  left out: 3 older than another one of the same house"
    )
    one = replay_result(replace(FOUND, learned=0, own=0, doubtful=1), strict=False).show[-1]
    assert str(one).splitlines()[-1] == "  left out: 1 with a doubtful price"


def test_no_line_is_wider_than_a_terminal() -> None:
    texts = [part for part in replay_result(FOUND, strict=False).show if isinstance(part, str)]
    assert max(len(line) for text in texts for line in text.splitlines()) <= WIDTH


def test_the_payload_judges_nothing() -> None:
    data: dict[str, Any] = json.loads(json.dumps(replay_payload(FOUND)))
    assert (data["verdict"], data["n"], data["current"]) == ("insufficient", 0, None)
    told = data["replay"]
    assert (told["n"], told["answered"], told["replayed"], told["difference"]) == (100, 4, 1, -3)
    assert told["mean_difference"] == pytest.approx(-15)
    assert told["sequence"][0] < -15 < told["sequence"][1] < 0
    assert (told["differing"], told["better"]["share"]) == (100, 1.0)
    assert told["better"]["e_value"] > 1000


def test_no_rows_have_the_same_keys() -> None:
    nothing = replace(FOUND, compared=None, n=0, verdict="insufficient")
    assert replay_payload(nothing)["replay"].keys() == replay_payload(FOUND)["replay"].keys()
    assert replay_result(nothing, strict=False).show[0] == replay_sentence(nothing)


def test_broken_lines_are_named() -> None:
    assert replay_result(replace(FOUND, skipped=2), strict=False).notes == [
        "warning: left out 2 broken lines of the log"
    ]
    assert replay_result(replace(FOUND, skipped=1), strict=False).notes == [
        "warning: left out 1 broken line of the log"
    ]
