"""What is said of houses without labels, of the corrected error and of the expected one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from housing_cli.errors import ExitCode
from housing_cli.judging.selection import Unlabeled
from housing_cli.loop.evaluation import Evaluation
from housing_cli.loop.whom import CorrectedError, Speaking
from housing_cli.prediction_log.records import PREDICTED
from housing_cli.show.evaluate import payload, result_of, sentence
from housing_cli.show.report import render
from housing_cli.show.whom import corrected_words, expected_line, houses, unlabeled_line
from housing_cli.words import in_one_line
from tests.in_process import Loop, shuffled

DEAR = Unlabeled(PREDICTED, 35.0, None, 70, 0, 0.42)
CORRECTED = CorrectedError(3.42, (2.9, 4.1), 1.07, 2.6, 44.5, False)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    rows = shuffled(0)[:160]
    loop = Loop(
        tmp_path_factory.mktemp("whom"), rows[:100], ("model.regressor=Ridge", "train.repeats=1")
    )
    loop.live(rows[100:])
    return loop.evaluate(threshold=5.0)


def judged(healthy: Evaluation, decided: str, reasons: tuple[str, ...], **whom: Any) -> Evaluation:
    found = Speaking(**{"unlabeled": None, "corrected": None, "expected": 3.5,
                        "expected_ratio": 1.1, **whom})  # fmt: skip
    verdict = replace(healthy.verdict, verdict=decided)  # type: ignore[arg-type]
    return replace(healthy, verdict=verdict, reasons=reasons, whom=found)


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        (DEAR, "houses above 35"),
        (replace(DEAR, low=None, high=12.5), "houses below 12.5"),
        (replace(DEAR, axis="RM", low=5.0, high=6.25), "houses with RM from 5 to 6.25"),
        (replace(DEAR, low=None), "all houses"),
    ],
)
def test_houses_in_words(segment: Unlabeled, words: str) -> None:
    assert houses(segment) == words


def test_how_many_labels_there_are() -> None:
    assert unlabeled_line(DEAR) == (
        "insufficient for houses above 35\n  42% of the predictions, and none of them has a label"
    )
    assert unlabeled_line(replace(DEAR, labeled=1)).endswith("1 of them has a label")
    assert unlabeled_line(replace(DEAR, labeled=3)).endswith("3 of them have a label")


def test_houses_without_labels_are_insufficient_and_said_loudly(healthy: Evaluation) -> None:
    found = judged(healthy, "insufficient", ("unlabeled",), unlabeled=DEAR)
    assert sentence(found) == f"v1 is not judged: {unlabeled_line(DEAR)}"
    data = payload(found)
    assert (data["verdict"], data["reasons"]) == ("insufficient", ["unlabeled"])
    assert data["unlabeled"]["houses"] == "houses above 35"
    assert (data["unlabeled"]["low"], data["unlabeled"]["share"]) == (35.0, 0.42)
    for strict, code in ((False, ExitCode.OK), (True, ExitCode.INSUFFICIENT)):
        result = result_of(found, strict=strict)
        assert result.exit_code == code
    page = render(found)
    assert in_one_line(unlabeled_line(DEAR)) in page
    assert "are needed for a verdict" not in page


def test_the_corrected_error_stands_beside_a_selection_that_is_biased(healthy: Evaluation) -> None:
    found = judged(healthy, "healthy", (), corrected=CORRECTED)
    words = (
        "corrected for which have labels, the RMSE is 3.42 (2.9 to 4.1)\n"
        "that is 1.07 times the baseline"
    )
    assert corrected_words(found) == words
    assert payload(found)["corrected"]["current"] == 3.42
    biased = replace(found, selection=(replace(found.drift[0], name="RM", drifted=True),))
    (note,) = [
        note for note in result_of(biased).notes
        if "labeled rows" in note
    ]  # fmt: skip
    assert note.splitlines() == [
        "warning: labeled rows do not look like the unlabeled ones",
        "  in RM",
        "  the error of all predictions may be another",
        "  corrected for which have labels, the RMSE is 3.42 (2.9 to 4.1)",
        "  that is 1.07 times the baseline",
    ]
    assert corrected_words(judged(healthy, "healthy", ())) == ""
    assert corrected_words(replace(healthy, whom=None)) == ""


def test_who_is_left_out_of_the_corrected_error_is_named_once(healthy: Evaluation) -> None:
    """A segment too small for the verdict, or of a degraded version, is named nowhere else."""
    left_out = {"corrected": replace(CORRECTED, outside=True, ratio=None), "unlabeled": DEAR}
    for decided in ("healthy", "degraded"):
        assert corrected_words(judged(healthy, decided, (), **left_out)) == (
            "corrected for which have labels, the RMSE is 3.42 (2.9 to 4.1)\n"
            "of all but houses above 35, which have too few labels"
        )
    named = judged(healthy, "insufficient", ("unlabeled",), **left_out)
    assert "houses above 35" in sentence(named)
    assert corrected_words(named) == (
        "corrected for which have labels, the RMSE of the others is 3.42 (2.9 to 4.1)"
    )


def test_the_expected_error_is_shown_only_where_labels_are_few(healthy: Evaluation) -> None:
    found = judged(healthy, "healthy", ())
    assert expected_line(found) == []
    few = replace(found, verdict=replace(found.verdict, n=3, verdict="insufficient"))
    line = (
        "expected of these predictions: RMSE 3.5, 1.10 times the baseline\n"
        "  by the errors at training time, which is no verdict"
    )
    assert expected_line(few) == [line]
    assert line in result_of(few).show
    assert payload(few)["expected"] == {"current": 3.5, "ratio": 1.1}
    assert payload(replace(few, whom=None))["expected"] is None


def test_the_page_of_a_judgment_without_labels_says_what_is_expected(tmp_path: Path) -> None:
    rows = shuffled(0)[:160]
    loop = Loop(tmp_path, rows[:100], ("model.regressor=Ridge", "train.repeats=1"))
    loop.predict(rows[100:])
    assert "expected of these predictions" in render(loop.evaluate())
