"""Why a challenger is refused, as people read it."""

from __future__ import annotations

from typing import Any

from housing_cli.errors import ConfigError, ExitCode, GateRefused, InsufficientEvidence
from housing_cli.show.printer import emit
from housing_cli.show.refusal import error_text, named_lines, reason_lines, unlearned
from housing_cli.show.result import failure
from housing_cli.words import WIDTH

NAMED = [f"01a21f46-b872-78a5-a99a-3c55e8015a5{k} (23100 for 21.4533)" for k in range(5)]
FAR = (
    "8 of the 160 real prices are more than 8.9 times off what was predicted (the worst 1077 "
    "times): a typing error, or another unit?"
)
REASONS = ["RMSE 5612.224 against 5573.166 on the same 48 recent rows", f"{FAR} {', '.join(NAMED)}"]
FOUND: dict[str, Any] = {"reasons": REASONS, "named": NAMED}
LINES = [
    "- RMSE 5612.224 against 5573.166 on the same 48 recent rows",
    "- 8 of the 160 real prices are more than 8.9 times off what was predicted (the",
    "  worst 1077 times): a typing error, or another unit?",
    *(f"  {one}" for one in NAMED[:3]),
]


def refused(evidence: dict[str, Any]) -> GateRefused:
    return GateRefused(f"v2 is not better than v1: {'; '.join(REASONS)}", "v1 stays", evidence)


def test_what_was_not_learned_is_told_of_a_refused_challenger_too() -> None:
    told = {"equal_to_prediction": 3, "beyond_float32": 5, "beyond_float32_rows": ["a row", "b"]}
    lines = error_text(refused({**FOUND, "feedback": told})).splitlines()
    assert lines[-7:] == [
        "warning: 3 real prices are the predicted price sent back",
        "  not learned",
        "warning: 5 real prices are of a house with a number beyond float32",
        "  no model can take it; not learned:",
        "  a row",
        "  b",
        "  and 3 more (`--json` names 2: data.feedback.beyond_float32_rows)",
    ]
    assert unlearned({}, "data") == []


def test_a_reason_is_a_line_and_three_prices_stand_below_theirs() -> None:
    lines = error_text(refused({"challenger_version": "v2", **FOUND})).splitlines()
    assert lines == [
        "error: v2 is not better than v1:", *LINES,
        "  and 5 more (`--json` names 5: data.named)",
    ]  # fmt: skip
    assert max(map(len, lines)) <= WIDTH
    promoted = error_text(refused({"comparison": FOUND, "refused": "; ".join(REASONS)}))
    assert promoted.splitlines()[-1].endswith("names 5: data.comparison.named)")


def test_prices_that_are_all_named_have_no_others() -> None:
    one = {"reasons": [f"1 of the 160 real prices is off: a typing error? {NAMED[0]}"],
           "named": NAMED[:1]}  # fmt: skip
    assert reason_lines(one, "data") == [
        "- 1 of the 160 real prices is off: a typing error?", f"  {NAMED[0]}",
    ]  # fmt: skip
    assert named_lines(["a", "b"], 2, "data.x") == ["  a", "  b"]


def test_what_an_older_version_recorded_is_folded() -> None:
    lines = "\n".join(reason_lines({"reasons": REASONS}, "data")).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(" ".join(lines[1:]).split()) == f"- {REASONS[1]}"


def test_json_has_the_message_in_one_line(capsys: Any) -> None:
    error = refused({"challenger_version": "v2", **FOUND})
    result = failure("retrain", error, ExitCode.REFUSED, "refused")
    assert result.errors[0]["message"] == error.message
    assert emit(result, as_json=False) == ExitCode.REFUSED
    assert capsys.readouterr().err == f"{error_text(error)}\nhint: v1 stays\n"


def test_other_messages_are_printed_as_they_are() -> None:
    long = "word " * 20 + "end"
    assert error_text(ConfigError(long)) == f"error: {long}"
    assert error_text(InsufficientEvidence(long)).count("\n") == 1
    assert error_text(GateRefused(long, "", {"refused": long})).count("\n") == 1
