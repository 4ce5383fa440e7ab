"""What is said of a judgment: exit code, sentence, tables, notes, payload."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from housing_cli.errors import ExitCode
from housing_cli.judging.drift import Drift
from housing_cli.judging.labels import Doubts, Example, Suspects
from housing_cli.judging.selection import Unlabeled
from housing_cli.loop.evaluation import Evaluation, Labels
from housing_cli.loop.late import LateLabels
from housing_cli.loop.whom import CorrectedError, Speaking
from housing_cli.show.evaluate import payload, result_of, sentence, version_rows
from housing_cli.show.printer import emit
from housing_cli.show.result import Result, Table
from housing_cli.words import WIDTH, figure
from tests.in_process import Loop, shuffled

DRIFTED = (
    Drift(
        "RM", 1.5, 0.001, 2.0, 0.0, True, "higher", "Kolmogorov-Smirnov", 0.6, 0, 0.001, 1, 99,
        0.0, 0.0, "none", True, False,
    ),
    Drift(
        "AGE", 0.01, 0.9, 0.1, 0.0, False, "as before", "Kolmogorov-Smirnov", 0.03, 0, 0.9, 1, 99,
        0.0, 0.0, "none", False, False,
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """A judgment of 60 rows."""
    rows = shuffled(0)[:160]
    sets = ("model.regressor=Ridge", "train.repeats=1")
    loop = Loop(tmp_path_factory.mktemp("show"), rows[:100], sets)
    loop.live(rows[100:])
    return loop.evaluate(threshold=5.0)


def verdict(judged: Evaluation, decided: str, **fields: Any) -> Evaluation:
    """Return the judgment with another outcome."""
    fields = {"verdict": decided, **fields}
    return replace(judged, verdict=replace(judged.verdict, **fields))


def labels(judged: Evaluation, *counts: Any) -> Labels:
    """Return the judgment's labels with other counts and delays."""
    names = ("predictions", "labeled", "coverage", "delay_p50", "delay_p95")
    return replace(judged.labels, **dict(zip(names, counts, strict=True)))


def shown(judged: Evaluation, **options: Any) -> Result:
    options = {"strict": False, "power": False, **options}
    return result_of(judged, **options)


def tables(result: Result) -> dict[str, Table]:
    return {part.title: part for part in result.show if isinstance(part, Table)}


def lines(result: Result) -> list[str]:
    return [part for part in result.show if isinstance(part, str)]


@pytest.mark.parametrize(
    ("decided", "strict", "code", "status"),
    [
        ("healthy", False, ExitCode.OK, "ok"),
        ("healthy", True, ExitCode.OK, "ok"),
        ("degraded", False, ExitCode.DEGRADED, "degraded"),
        ("degraded", True, ExitCode.DEGRADED, "degraded"),
        ("insufficient", False, ExitCode.OK, "insufficient"),
        ("insufficient", True, ExitCode.INSUFFICIENT, "insufficient"),
    ],
)
def test_a_verdict_has_its_exit_code(
    healthy: Evaluation, decided: str, strict: bool, code: ExitCode, status: str
) -> None:
    result = shown(verdict(healthy, decided), strict=strict)
    assert (result.command, result.exit_code, result.status) == ("evaluate", code, status)
    assert result.outputs["verdict"] == result.data["verdict"] == decided
    assert list(result.outputs) == ["version", "verdict", "ratio", "n"]


def test_the_verdict_is_a_sentence(healthy: Evaluation) -> None:
    assert sentence(healthy) == "v1 is healthy"
    assert sentence(verdict(healthy, "insufficient", n=3, min_samples=30)) == (
        "v1 is not judged: 3 labeled predictions, and 30 are needed"
    )
    assert sentence(verdict(healthy, "insufficient", n=1, min_samples=30)) == (
        "v1 is not judged: 1 labeled prediction, and 30 are needed"
    )
    degraded = verdict(healthy, "degraded")
    assert sentence(replace(degraded, reasons=("error",))) == "v1 is degraded"
    assert sentence(replace(degraded, reasons=("error", "drift"))) == "v1 is degraded and drifted"
    assert sentence(replace(degraded, reasons=("drift",))) == (
        "v1 is degraded: its inputs or predictions drifted"
    )


def test_the_table_shows_what_the_verdict_rests_on(healthy: Evaluation) -> None:
    found = healthy.verdict
    (row,) = tables(shown(healthy))[""].rows
    low, high = found.interval or (0, 0)
    assert row[:3] == ["v1", "rmse", 60]
    assert row[3:6] == [found.baseline, found.current, found.ratio]
    assert row[6:] == ["6", f"{low:.2f} to {high:.2f}"]
    unknown = verdict(healthy, "insufficient", current=None, ratio=None, interval=None)
    assert tables(shown(unknown))[""].rows[0][4:] == [None, None, "6", None]


def test_enough_rows_are_drawn_over_time(healthy: Evaluation) -> None:
    (chart,) = [line for line in lines(shown(healthy)) if line.startswith("rmse over time: ")]
    drawn = chart.split()[3]
    assert set(drawn) <= set("▁▂▃▄▅▆▇█") and len(drawn) > 1
    assert f"limit {figure(healthy.verdict.baseline * 6, 3)}" in chart


def test_labels_are_told_with_their_delay(healthy: Evaluation) -> None:
    assert any(line.startswith("labels: 60 of the newest 60 ") for line in lines(shown(healthy)))
    slow = replace(healthy, labels=labels(healthy, 80, 60, 0.75, 5400.0, 172_800.0))
    assert "labels: 60 of the newest 80 predictions, after 1.5 h (half) to 2.0 d (95 %)" in lines(
        shown(slow)
    )
    none = replace(healthy, labels=labels(healthy, 0, 0, None, None, None))
    assert "labels: no predictions in the window" in lines(shown(none))


def test_one_version_needs_no_table_of_versions(healthy: Evaluation) -> None:
    assert "by version" not in tables(shown(healthy))
    (row,) = healthy.versions
    two = replace(healthy, versions=(row, replace(row, version="v0", aliases=())))
    assert [cells[:2] for cells in version_rows(two)] == [["v1", "production"], ["v0", None]]
    assert tables(shown(two))["by version"].rows == version_rows(two)


def test_drift_is_shown_and_warned_of_unless_it_decided(healthy: Evaluation) -> None:
    moved = replace(healthy, drift=DRIFTED, reasons=())
    (drift,) = [table for title, table in tables(shown(moved)).items() if title.startswith("drift")]
    assert drift.rows == [["RM", "mean up by 2.0 SD", "60%", "0.001", "Kolmogorov-Smirnov", "1.50"]]
    assert "warning: drift in RM\n  `--drift` makes it decide" in shown(moved).notes
    many = tuple(replace(DRIFTED[0], name=name) for name in ("RM", "AGE", "TAX", "B", "ZN"))
    said = shown(replace(healthy, drift=many, selection=many, reasons=())).notes
    assert "warning: drift in RM, AGE, TAX and 2 more\n  `--drift` makes it decide" in said
    assert said[0].splitlines()[1] == "  in RM, AGE, TAX and 2 more"
    decided = verdict(replace(moved, reasons=("drift",)), "degraded")
    assert shown(decided).notes == []


def test_what_may_mislead_is_a_warning(healthy: Evaluation) -> None:
    assert shown(replace(healthy, drift=(), selection=())).notes == []
    biased = replace(healthy, drift=(), selection=DRIFTED)
    assert "do not look like the unlabeled ones\n  in RM\n" in shown(biased).notes[0]


def test_power_is_shown_where_it_was_asked_for(healthy: Evaluation) -> None:
    result = shown(healthy, power=True)
    (title,) = [title for title in tables(result) if title.startswith("labels that show")]
    assert [row[0] for row in tables(result)[title].rows] == [
        f"+{float(size):.0%}" for size in healthy.power.needed
    ]
    hopeless = replace(healthy.power, needed=dict.fromkeys(healthy.power.needed))
    rows = tables(shown(replace(healthy, power=hopeless), power=True))[title].rows
    assert {row[2] for row in rows} == {None}
    assert "no number is enough" in str(rows[0][1])
    assert title not in tables(shown(healthy))


def test_the_payload_is_plain(healthy: Evaluation) -> None:
    data = payload(replace(healthy, drift=DRIFTED, selection=DRIFTED))
    assert json.loads(json.dumps(data))["labels"]["labeled"] == 60
    assert (data["version"], data["n"], data["window"]) == ("v1", 60, "30d")
    assert data["drifted"] == data["selection_bias"] == ["RM"]
    assert len(data["drift"]) == 2


def test_nothing_that_is_printed_is_wider_than_a_terminal(
    healthy: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    """The longest of everything at once: names, ids, prices, warnings."""
    ids = [f"01a21f46-b22b-76f4-a9c3-2c759db9b57{k}" for k in range(5)]
    far = Suspects(12, 0.2, False, 2, tuple(Example(one, 23_100_000.0, 210_367.0) for one in ids))
    sent = Suspects(9, 0.15, True, 0.1, far.examples, 0.01)
    columns = [
        replace(
            DRIFTED[0], name=name, missing_drifted=True, missing_now=0.999, missing_before=0.004
        )
        for name in ("PTRATIO", "INDUS", "CHAS", "predicted_price")
    ]  # fmt: skip
    late = LateLabels(1234, 35.2 * 86_400, 56 * 86_400, 36 * 86_400, 59 * 86_400, "60d", 1.0)
    whom = Speaking(
        Unlabeled("PTRATIO", 17.25, 20.125, 70, 0, 0.42),
        CorrectedError(48_611.4, (35_000.0, 61_000.0), 1.07, 2.6, 44.5, True), 38_511.0, 1.1,
    )  # fmt: skip
    judged = replace(
        healthy, drift=tuple(columns), selection=tuple(columns), whom=whom,
        labels=replace(healthy.labels, doubts=Doubts(60, sent, far), repeated=48,
                       repeated_share=0.8, late=late),
    )  # fmt: skip
    for one in (judged, verdict(judged, "insufficient", n=3), replace(judged, reasons=("drift",))):
        emit(shown(one, power=True), as_json=False)
        out, err = capsys.readouterr()
        assert max(map(len, (out + err).splitlines())) <= WIDTH
        assert "and 9 more" in err and "PTRATIO" in out
