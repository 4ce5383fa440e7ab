"""What is said of a shadow: sentence, figures, exit code, payload."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from housing_cli.errors import ExitCode
from housing_cli.judging.shadow import Training, contest
from housing_cli.loop.shadow import Shadowed
from housing_cli.registry import Version
from housing_cli.show.result import Table
from housing_cli.show.shadow import shadow_payload, shadow_result, shadow_sentence
from housing_cli.words import WIDTH

REAL = np.random.default_rng(0).uniform(10, 40, 184)
CONTEST = contest(
    REAL, REAL + 4, REAL + 3, Training(8.0, 1.0, 0.2), metric="rmse", confidence=0.95
)  # fmt: skip
FOUND = Shadowed(
    version=cast(Version, SimpleNamespace(name="v8")),
    production=cast(Version, SimpleNamespace(name="v7")),
    since="2026-11-28T12:00:00.000Z",
    doubt="",
    metric="rmse",
    confidence=0.95,
    min_samples=30,
    answers=1240,
    failed=0,
    others=0,
    labeled=190,
    unpriced=0,
    doubtful=4,
    repeated=2,
    n=184,
    found=CONTEST,
    verdict="better",
    reasons=("errors",),
    skipped=0,
)
NONE = replace(
    FOUND, answers=0, labeled=0, doubtful=0, repeated=0, n=0, found=None, verdict="insufficient",
    reasons=("few",),
)  # fmt: skip
FAILING = replace(FOUND, failed=40, unpriced=6, verdict="worse", reasons=("failures",))


@pytest.mark.parametrize(
    ("judged", "sentence"),
    [
        (FOUND, "v8 is better than v7: RMSE 3 against 4 on 184 houses"),
        (replace(FOUND, verdict="worse"), "v8 is worse than v7: RMSE 3 against 4 on 184 houses"),
        (
            replace(FOUND, verdict="insufficient"),
            "v8 and v7 cannot be told apart yet, on 184 labeled rows",
        ),
        (NONE, "v8 is not judged: 0 labeled rows, and 30 are needed"),
        (FAILING, "v8 is worse than v7: it failed on 40 of 1240 rows"),
        (
            replace(FAILING, verdict="insufficient"),
            "v8 is not yet better than v7: it failed on 40 of 1240 rows",
        ),
    ],
)
def test_the_verdict_in_words(judged: Shadowed, sentence: str) -> None:
    assert shadow_sentence(judged) == sentence


@pytest.mark.parametrize(
    ("judged", "strict", "code", "status"),
    [
        (FOUND, True, ExitCode.OK, "ok"),
        (replace(FOUND, verdict="worse"), True, ExitCode.OK, "ok"),
        (NONE, False, ExitCode.OK, "insufficient"),
        (NONE, True, ExitCode.INSUFFICIENT, "insufficient"),
    ],
)
def test_a_shadow_is_never_a_degradation(
    judged: Shadowed, strict: bool, code: ExitCode, status: str
) -> None:
    found = shadow_result(judged, strict=strict)
    assert (found.exit_code, found.status) == (code, status)


@pytest.mark.parametrize(
    ("judged", "last"),
    [
        (FOUND, "next: housing promote shadow --config x.toml"),
        (
            replace(FOUND, verdict="worse"),
            "next: housing promote --abort --to shadow --reason 'worse than v7' --config x.toml",
        ),
        (
            FAILING,
            "next: housing promote --abort --to shadow --reason 'it fails' --config x.toml",
        ),
        (
            replace(NONE, doubt="its features are not those of v7"),
            "next: housing promote --abort --to shadow --reason 'other features' --config x.toml",
        ),
        (NONE, "next: wait for more labels, then housing evaluate --shadow --config x.toml"),
    ],
)
def test_the_next_command_follows_from_the_verdict(judged: Shadowed, last: str) -> None:
    found = shadow_result(judged, strict=False, carried=" --config x.toml")
    assert found.notes[-1] == last
    assert shadow_payload(judged, " --config x.toml")["shadow"]["next"] in {
        last.removeprefix("next: "),
        "housing evaluate --shadow --config x.toml",
    }


def test_what_people_see_fits_on_a_terminal_and_names_what_was_left_out() -> None:
    found = shadow_result(replace(FAILING, others=3, skipped=2), strict=False)
    text = "\n".join(part for part in found.show if isinstance(part, str))
    for said in (
        "shadow since 2026-11-28 12:00: 1240 answers of v7, 1050 without a real price",
        "left out: 6 without a price of the shadow",
        "left out: 4 with a doubtful price",
        "left out: 2 later than another one of the same house",
        "answered by other versions than v7: 3",
        "evidence that it is better: over 1000, worse: ",
        "(20 are needed, at any look)",
    ):
        assert said in text
    assert all(len(line) <= WIDTH for part in [text, *found.notes] for line in part.splitlines())
    (table,) = (part for part in found.show if isinstance(part, Table))
    assert list(table.columns)[2:4] == ["v7", "v8"]
    assert "90 % sequence" in table.columns
    assert [note.partition(":")[0] for note in found.notes] == ["warning", "warning", "next"]


@pytest.mark.parametrize("judged", [FOUND, NONE, FAILING])
def test_the_payload_is_json_with_the_keys_of_every_judgment(judged: Shadowed) -> None:
    data: dict[str, Any] = shadow_payload(judged)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (data["verdict"], data["n"]) == (judged.verdict, judged.n)
    assert data["shadow"]["unlabeled"] == judged.answers - judged.labeled
    assert data["shadow"]["e_needed"] == 20.0
    assert (data["ratio"] is None) == (judged.found is None)
    if judged.found is not None:
        assert data["ratio"] == pytest.approx(0.75)
        assert data["interval"][0] <= data["shadow"]["ratio"] <= data["interval"][1]


def test_a_shadow_that_nobody_asked_is_told_so() -> None:
    assert "no server asked it yet" in shadow_payload(NONE)["warnings"][0]
    other = replace(NONE, doubt="its features are not those of v7")
    assert shadow_payload(other)["warnings"] == [
        "v8: its features are not those of v7: servers do not ask it"
    ]
