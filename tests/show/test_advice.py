"""What is said of what to do next."""

from __future__ import annotations

from housing_cli.loop.advice import Advice, Next, Since, WorstRow
from housing_cli.show.advice import (
    advice_notes,
    advice_payload,
    next_note,
    next_sentence,
    since_line,
)

SINCE = Since(1_767_225_600.0, False, 70, 3.17, 7.11, False, 0.005)


def notes(found: Next, carried: str = "") -> list[str]:
    return advice_notes(Advice(found), carried)


def test_the_one_command_stands_alone_in_its_line() -> None:
    found = notes(Next("promote", "promote v3", "v3 is healthy"), " --config x.toml")
    assert found == ["next: housing promote v3 --config x.toml\n  v3 is healthy"]
    assert next_note("serve") == "next: housing serve"
    assert next_sentence(Advice(Next("retrain", "retrain --promote"))) == (
        "next: housing retrain --promote"
    )


def test_labels_are_waited_for_by_their_number() -> None:
    assert notes(Next("wait", "evaluate", "", 1)) == [
        "next: wait for 1 more label, then housing evaluate"
    ]
    assert notes(Next("wait", "evaluate", "why"))[0].startswith("next: wait for more labels, then")


def test_nothing_to_do_says_nothing() -> None:
    assert notes(Next("none")) == []
    assert advice_notes(None, "") == []
    assert next_sentence(None) == ""


def test_what_stands_in_the_way_is_a_warning_with_its_cure() -> None:
    (said,) = notes(Next("mend", None, "`t.csv` is gone", hint="give another"))
    assert said == "warning: a retraining would fail: `t.csv` is gone\n  give another"


def test_since_when_is_said_with_the_metric_before_and_after() -> None:
    assert since_line(SINCE, "rmse").endswith(": 70 labels, RMSE 7.11, 3.17 before")
    start = Since(0.0, True, 70, None, 7.11, True, 0.005)
    assert since_line(start, "mae") == "since 1970-01-01 or before: 70 labels, MAE 7.11"


def test_json_has_times_in_utc_and_the_whole_command() -> None:
    row = WorstRow("id", 1_767_225_600.5, 20.0, 30.0, -10.0)
    found = advice_payload(
        Advice(Next("retrain", "retrain --promote"), SINCE, (row,)), " --set a=b"
    )
    assert found["next"]["command"] == "housing retrain --promote --set a=b"
    assert found["since"]["at"] == "2026-01-01T00:00:00.000Z"
    assert found["worst_rows"][0]["time"] == "2026-01-01T00:00:00.500Z"
    assert found["better_version"] is None
    assert set(advice_payload(None, "")) == set(found)
