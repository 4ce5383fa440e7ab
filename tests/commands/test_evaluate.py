"""`housing evaluate`: exit codes, the JSON payload, what CI reads, what people see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Housing
from tests.in_process import Loop, half_learned, shuffled

ROWS = shuffled(0)[350:]


@pytest.fixture
def loop(workshop: Path) -> Loop:
    loop = Loop(workshop, shuffled(0)[:350])
    loop.live(ROWS)
    return loop


@pytest.mark.parametrize(
    ("words", "code", "verdict"),
    [
        ((), 0, "healthy"),
        (("--window", "30d", "--threshold", "0.1"), 0, "healthy"),
        (("--min-samples", "157"), 0, "insufficient"),
        (("--min-samples", "157", "--strict"), 3, "insufficient"),
        (("--strict",), 0, "healthy"),
        (("--metric", "mae", "--confidence", "0.95", "--version", "v1"), 0, "healthy"),
        (("--window", "40", "--min-samples", "40"), 0, "healthy"),
    ],
)
def test_exit_codes(
    loop: Loop, housing: Housing, words: tuple[str, ...], code: int, verdict: str
) -> None:
    ran = housing("evaluate", "--json", *words)
    assert (ran.code, ran.json["data"]["verdict"]) == (code, verdict)
    assert ran.json["exit_code"] == code


def test_degraded_is_two(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 1.5)
    ran = housing("evaluate", "--json", "--window", "156")
    assert (ran.code, ran.json["status"], ran.json["data"]["verdict"]) == (
        2,
        "degraded",
        "degraded",
    )
    assert ran.json["errors"] == []
    people = housing("evaluate", "--window", "156")
    assert people.code == 2
    assert people.stdout.startswith("v1 is degraded\n")
    assert "housing retrain --promote" in people.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--threshold", "x"),
        ("--threshold", "-1"),
        ("--window", "soon"),
        ("--window", "0"),
        ("--min-samples", "0"),
        ("--metric", "rsme"),
        ("--confidence", "1.5"),
        ("--confidence", "95"),
        ("--treshold", "0.1"),
        ("v1",),
    ],
)
def test_a_typo_is_never_a_degradation(
    loop: Loop, housing: Housing, words: tuple[str, ...]
) -> None:
    ran = housing("evaluate", *words, "--json")
    assert (ran.code, ran.json["status"]) == (64, "usage")


def test_no_registry_is_a_failure(housing: Housing) -> None:
    ran = housing("evaluate", "--json")
    assert ran.code == 1
    assert "housing train" in ran.json["errors"][0]["hint"]


def test_the_json_keys_are_a_contract(loop: Loop, housing: Housing) -> None:
    ran = housing("evaluate", "--json").json
    assert list(ran) == ["command", "status", "exit_code", "data", "errors"]
    assert list(ran["data"]) == [
        "version", "verdict", "metric", "baseline", "current", "ratio", "interval", "p_value",
        "threshold", "confidence", "n", "min_samples", "window", "reasons", "recent", "labels",
        "skipped",
        "repeated_lines",
        "broken",
        "versions", "drift", "drifted", "selection_bias", "power", "segments",
        "price_quantiles", "budget", "worst_segment", "feature_segments", "over_time", "unlabeled",
            "corrected", "expected", "next", "since", "worst_rows", "other_versions",
        "better_version", "warnings", "json_format",
    ]  # fmt: skip
    data = ran["data"]
    assert data["ratio"] == pytest.approx(data["current"] / data["baseline"])
    assert data["interval"][0] < data["ratio"] < data["interval"][1]
    assert data["confidence"] is None
    course = data["over_time"]
    assert sum(point["n"] for point in course["points"]) == data["n"]
    assert len(course["points"]) == data["n"] // 10
    times = [point["at"] for point in course["points"]]
    assert times == sorted(times) and course["start"] <= times[0] <= times[-1] <= course["end"]


def test_insufficient_has_the_same_keys(workshop: Path, housing: Housing) -> None:
    Loop(workshop, shuffled(0)[:350])
    data = housing("evaluate", "--json").json["data"]
    assert (data["n"], data["current"], data["ratio"], data["interval"]) == (0, None, None, None)
    assert data["verdict"] == "insufficient"
    assert data["over_time"] is None


def test_github_gets_outputs_and_a_summary(
    loop: Loop, housing: Housing, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, summary = workshop / "outputs", workshop / "summary.md"
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    housing("evaluate")
    written = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert written["verdict"] == "healthy"
    assert (written["exit_code"], written["version"], written["n"]) == ("0", "v1", "156")
    assert summary.read_text().startswith("### housing evaluate: ok")
    assert "| v1 | rmse | 156 |" in summary.read_text()


def test_drift_decides_when_asked(loop: Loop, housing: Housing) -> None:
    loop.predict(ROWS.assign(RM=ROWS["RM"] + 2))
    quiet = housing("evaluate")
    assert quiet.code == 0
    assert "warning: drift in" in quiet.stderr
    ran = housing("evaluate", "--drift", "--json")
    assert (ran.code, ran.json["data"]["reasons"]) == (2, ["drift"])
    assert "RM" in ran.json["data"]["drifted"]


def test_power_says_how_many_labels_are_missing(loop: Loop, housing: Housing) -> None:
    shown = housing("evaluate", "--power").stdout
    assert "labels that show a degradation" in shown
    assert "+10%" in shown and "+50%" in shown


def test_the_report_is_written(loop: Loop, housing: Housing, workshop: Path) -> None:
    ran = housing("evaluate", "--report", "report.html")
    assert ran.code == 0
    assert "report.html" in ran.stdout
    assert (workshop / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


UNWRITABLE = {
    "--report": ("no/such/folder/report.html", "artifacts"),
    "--prometheus": ("no/such/folder/v.prom", "http://127.0.0.1:1"),
}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--window", "156"), 0, "v1 is healthy"),
        (("--window", "9", "--min-samples", "2"), 2, "v1 is degraded"),
        (("--min-samples", "166", "--strict"), 3, "v1 is not judged"),
    ],
)
def test_an_output_that_cannot_be_written_changes_no_verdict(
    loop: Loop, housing: Housing, words: tuple[str, ...], code: int, said: str
) -> None:
    if code:
        loop.live(ROWS[:9], 3.0)
    for option, files in UNWRITABLE.items():
        for file in files:
            ran = housing("evaluate", *words, option, file)
            assert ran.code == code, ran.stderr
            assert ran.stdout.startswith(said) and "report:" not in ran.stdout
            (warning,) = [line for line in ran.stderr.splitlines() if file in line]
            assert warning.startswith("warning: ") and "error:" not in ran.stderr
    both = [word for option, files in UNWRITABLE.items() for word in (option, files[0])]
    told = housing("evaluate", *words, *both, "--json")
    assert (told.code, told.json["exit_code"], told.json["errors"]) == (code, code, [])
    for file, warning in zip(both[1::2], told.json["data"]["warnings"][-2:], strict=True):
        assert file in warning


def test_warnings_are_in_json_too(loop: Loop, housing: Housing) -> None:
    assert housing("evaluate", "--json").json["data"]["warnings"] == []
    loop.predict(ROWS.assign(RM=ROWS["RM"] + 2))
    (said,) = (t for t in housing("evaluate", "--json").json["data"]["warnings"] if "drift" in t)
    assert said.startswith("drift in ") and said.endswith("`--drift` makes it decide")


def test_a_biased_selection_is_a_warning(workshop: Path, housing: Housing) -> None:
    loop = Loop(workshop, shuffled(0)[:350])
    cheap = (ROWS["MEDV"] < ROWS["MEDV"].median()).to_numpy()
    ids = np.array(loop.predict(ROWS))
    loop.label(ids[cheap].tolist(), ROWS["MEDV"][cheap].to_numpy())
    assert "labeled rows do not look like the unlabeled ones" in housing("evaluate").stderr


def test_a_replay_asks_how_another_version_would_have_done(
    loop: Loop, housing: Housing, workshop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(workshop / "outputs"))
    loop.retrain(force=True)
    loop.live(ROWS.assign(RM=ROWS["RM"] + 0.5), 4.0)
    ran = housing("evaluate", "--version", "v2", "--replay", "--min-samples", "5", "--json")
    assert (ran.code, ran.json["status"]) == (0, "ok")
    told = ran.json["data"]["replay"]
    assert (told["labeled"], told["learned"], told["n"]) == (312, 156, 156)
    assert told["sequence"][0] <= told["mean_difference"] <= told["sequence"][1]
    assert told["sentence"] in housing("evaluate", "--version", "v2", "--replay").stdout
    assert "verdict" not in (workshop / "outputs").read_text()


def test_a_replay_of_too_few_rows_is_3_only_when_strict(loop: Loop, housing: Housing) -> None:
    loop.live(ROWS, 9.0)
    assert housing("evaluate").code == 2
    assert housing("evaluate", "--replay").code == 0
    assert housing("evaluate", "--replay", "--strict").code == 3


@pytest.mark.parametrize(
    "other",
    [("--drift",), ("--report", "r.html"), ("--power",), ("--budget", "0.05"),
     ("--threshold", "0.1"), ("--prometheus", "v.prom")],
)  # fmt: skip
def test_a_replay_goes_alone(loop: Loop, housing: Housing, other: tuple[str, ...]) -> None:
    ran = housing("evaluate", "--replay", *other)
    assert ran.code == 64
    assert f"`--replay` goes without `{other[0]}`" in ran.stderr
    assert "hint: ask for one of them at a time" in ran.stderr


def test_a_shadow_is_judged_and_never_two(
    workshop: Path, housing: Housing, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shuffled(0)[:350]
    loop = half_learned(workshop, known)
    assert housing("promote", "v2", "--to", "shadow").code == 0
    assert housing("evaluate", "--shadow").code == 0
    few = housing("evaluate", "--shadow", "--strict", "--json")
    assert (few.code, few.json["data"]["verdict"]) == (3, "insufficient")
    refused = housing("promote", "shadow", "--json")
    assert (refused.code, refused.json["data"]["shadow"]["verdict"]) == (4, "insufficient")
    loop.shadowed(ROWS)
    monkeypatch.setenv("GITHUB_OUTPUT", str(workshop / "outputs"))
    ran = housing("evaluate", "--shadow", "--metric", "mae", "--min-samples", "50", "--json")
    data = ran.json["data"]
    assert (ran.code, data["verdict"], data["n"], data["metric"]) == (0, "better", 156, "mae")
    assert data["interval"][1] < 1
    assert "verdict=better" in (workshop / "outputs").read_text()
    people = housing("evaluate", "--shadow")
    assert people.stdout.startswith("v2 is better than v1: RMSE ")
    assert people.stderr.splitlines()[-1] == "next: housing promote shadow"
    promoted = housing("promote", "shadow", "--json")
    assert promoted.json["data"]["evidence"]["shadow"]["n"] == 156
    events = housing("registry", "history", "--json").json["data"]["events"]
    moved = next(event for event in events if event["alias"] == "production")
    assert moved["evidence"]["shadow"]["verdict"] == "better"
    gone = housing("evaluate", "--shadow")
    assert gone.code == 1
    assert "hint: try one with `housing promote REF --to shadow`" in gone.stderr


@pytest.mark.parametrize(
    "other",
    [("--window", "30d"), ("--threshold", "0.1"), ("--budget", "0.05"), ("--version", "v1"),
     ("--drift",), ("--power",), ("--report", "r.html"), ("--prometheus", "v.prom"),
     ("--replay",)],
)  # fmt: skip
def test_a_shadow_is_judged_alone(loop: Loop, housing: Housing, other: tuple[str, ...]) -> None:
    ran = housing("evaluate", "--shadow", *other)
    assert ran.code == 64
    assert f"`--shadow` goes without `{other[0]}`" in ran.stderr
