"""Which real prices a challenger learns from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from housing_cli.config import Settings
from housing_cli.errors import InsufficientEvidence
from housing_cli.judging.label_rule import Rule
from housing_cli.loop.feedback import Feedback
from housing_cli.loop.feedback import read_feedback as read
from housing_cli.loop.retrain import retrain
from housing_cli.model.compiled import HIGHEST
from housing_cli.prediction_log.records import LabelKinds
from housing_cli.show.retrain import result_of
from tests.in_process import Loop, shuffled

ROWS = shuffled(0)[350:]


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    loop = Loop(tmp_path_factory.mktemp("feedback"), shuffled(0)[:350])
    loop.live(ROWS[:120], 1.3)
    return loop


RULE = Rule(
    LabelKinds(3.0, 5.0, (0.01, 0.1)),
    9.0,
    1e-6,
    shares=(0.002, 0.002, 1.0),
    hits=(1e-4, 1e-3, 0.02),
    peaks=(0.12,),
)


def read_feedback(settings: Settings) -> Feedback:
    return read(settings, RULE)


def at_most(loop: Loop, rows: int) -> Settings:
    settings = loop.settings()
    rule = msgspec.structs.replace(settings.retrain, max_rows=rows)
    return msgspec.structs.replace(settings, retrain=rule)


def test_a_log_that_is_small_enough_is_read_whole(loop: Loop) -> None:
    for most in (120, 1000):
        feedback = read_feedback(at_most(loop, most))
        assert (len(feedback.rows), feedback.left_out) == (120, 0)


def test_of_a_larger_log_the_newest_rows_are_read_and_the_others_counted(loop: Loop) -> None:
    feedback = read_feedback(at_most(loop, 50))
    assert (len(feedback.rows), feedback.left_out) == (50, 70)
    assert feedback.rows.real.tolist() == (ROWS["MEDV"][70:120] * 1.3).tolist()


def test_what_was_left_out_is_said_and_stands_with_the_version(loop: Loop) -> None:
    done = retrain(at_most(loop, 60), force=True)
    result = result_of(done)
    assert result.notes[0] == (
        "note: learned from the newest 60 real prices\n"
        "  left out 60 older ones (`retrain.max_rows`)"
    )
    assert (result.data["feedback_rows"], result.data["feedback_left_out"]) == (60, 60)
    assert done.version.metadata.evidence["feedback"]["left_out"] == 60


def test_a_setting_that_reads_the_same_rows_makes_no_new_challenger(tmp_path: Path) -> None:
    rows = shuffled(1)
    loop = Loop(tmp_path, rows[:300])
    loop.live(rows[300:360], 1.3)
    first = retrain(at_most(loop, 60))
    assert retrain(at_most(loop, 5000)).version.name == first.version.name


def test_too_few_rows_are_no_evidence(loop: Loop) -> None:
    with pytest.raises(InsufficientEvidence, match="29 labeled predictions are too few"):
        read_feedback(at_most(loop, 29))


def test_where_too_few_are_read_the_setting_is_named_and_not_more_labels_asked_for(
    loop: Loop,
) -> None:
    with pytest.raises(InsufficientEvidence) as capped:
        read_feedback(at_most(loop, 20))
    assert capped.value.hint == (
        "set `retrain.max_rows` higher: it is 20, and there are 120 real prices"
    )
    rule = msgspec.structs.replace(loop.settings().retrain, max_rows=100, min_samples=500)
    with pytest.raises(InsufficientEvidence) as few:
        read_feedback(msgspec.structs.replace(loop.settings(), retrain=rule))
    assert few.value.hint.startswith("send real prices")


def test_the_fingerprint_tells_prices_and_predictions_apart(loop: Loop) -> None:
    feedback = read_feedback(at_most(loop, 40))
    text = "".join(
        f"{i},{p!r}\n" for i, p in zip(feedback.rows.ids, feedback.rows.real.tolist(), strict=True)
    )
    assert feedback.fingerprint() == hashlib.sha256(text.encode()).hexdigest()
    assert read_feedback(at_most(loop, 41)).fingerprint() != feedback.fingerprint()


def test_predicted_prices_sent_back_are_not_learned(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    ids = loop.live(ROWS, 1.3)
    served = read_feedback(loop.settings()).rows.predicted
    loop.label(ids[:100], served[:100])
    feedback = read_feedback(loop.settings())
    assert (len(feedback.rows), feedback.equal, feedback.left_out) == (56, 100, 0)
    assert list(feedback.rows.ids) == ids[100:]
    loop.label(ids[100:140], served[100:140])
    with pytest.raises(InsufficientEvidence, match=r"140 more are the predicted price sent back"):
        read_feedback(loop.settings())


def test_a_challenger_learns_the_market_from_what_self_labels_leave(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    ids = loop.live(ROWS, 1.3)
    served = read_feedback(loop.settings()).rows.predicted
    loop.label([ids[k] for k in range(156) if k % 5 < 3], served[np.arange(156) % 5 < 3])
    done = retrain(loop.settings())
    assert done.comparison["wins"]
    assert done.comparison["level"] == pytest.approx(1.3, abs=0.08)
    assert done.equal == 94
    result = result_of(done)
    assert result.data["feedback_equal_to_prediction"] == 94
    assert "94 real prices are the predicted price sent back" in " ".join(result.notes)


def with_value(rows: pd.DataFrame, value: float, count: int) -> pd.DataFrame:
    """Return rows, the first `count` of them with a value for CRIM."""
    changed = rows.copy()
    changed.iloc[:count, list(rows.columns).index("CRIM")] = value
    return changed


def test_rows_that_no_model_can_take_are_left_out_and_named(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    ids = loop.live(with_value(ROWS[:120], 1e39, 7), 1.3)
    feedback = read_feedback(loop.settings())
    assert (len(feedback.rows), feedback.unfit, feedback.left_out) == (113, 7, 0)
    assert feedback.unfit_named == tuple(f"{ids[k]} (CRIM 1e+39)" for k in (6, 5, 4, 3, 2))
    done = retrain(loop.settings())
    assert done.comparison["level"] == pytest.approx(1.3, abs=0.08)
    for again in (done, retrain(loop.settings())):
        result = result_of(again)
        assert result.data["feedback_rows"] == 113
        assert result.data["feedback_beyond_float32"] == 7
        assert result.data["feedback_beyond_float32_rows"] == list(feedback.unfit_named)
        assert (
            "warning: 7 real prices are of a house with a number beyond float32\n"
            "  no model can take it; not learned:\n  "
            + "\n  ".join(feedback.unfit_named[:3])
            + "\n  and 4 more (`--json` names 5: data.feedback_beyond_float32_rows)"
        ) in result.notes


def test_rows_that_come_after_a_challenger_was_made_are_named_where_it_waits(
    tmp_path: Path,
) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    loop.live(ROWS[:120], 1.3)
    assert not any("float32" in note for note in result_of(loop.retrain()).notes)
    loop.live(with_value(ROWS[120:121], -1e300, 1), 1.3)
    waits = loop.retrain()
    assert waits.reused
    result = result_of(waits)
    assert result.data["feedback_beyond_float32"] == 1
    (named,) = result.data["feedback_beyond_float32_rows"]
    assert result.notes[0] == (
        "warning: 1 real price is of a house with a number beyond float32\n"
        f"  no model can take it; not learned:\n  {named}"
    )


def test_what_is_too_little_without_them_names_them(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    (first, *_) = loop.live(with_value(ROWS[:30], 1e39, 1), 1.3)
    with pytest.raises(InsufficientEvidence) as few:
        read_feedback(loop.settings())
    assert few.value.message == (
        "29 labeled predictions are too few to retrain on: 30 are needed (1 more is of houses "
        f"with a number beyond float32: {first} (CRIM 1e+39))"
    )


def test_the_largest_number_that_fits_is_learned(tmp_path: Path) -> None:
    loop = Loop(tmp_path, shuffled(0)[:350])
    loop.live(with_value(ROWS[:120], HIGHEST, 2), 1.3)
    assert loop.retrain().version.metadata.data.feedback_rows == 120
