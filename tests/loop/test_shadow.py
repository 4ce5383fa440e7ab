"""A shadow judged on real logs: which rows count, what is found, what a promotion needs."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from housing_cli.config import Settings, load_settings
from housing_cli.errors import GateRefused, VersionNotFound
from housing_cli.loop.promote import promote
from housing_cli.loop.shadow import Shadowed, judge_shadow
from housing_cli.loop.train import train
from housing_cli.loop.trials import abort
from housing_cli.prediction_log import Served, open_log
from tests.in_process import Loop, half_learned, shuffled
from tests.prediction_log.conftest import BACK_ENDS, fresh_url

KNOWN, ROWS = shuffled(0)[:300], shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    """v1 has learned half of what houses cost; v2, the shadow, all of it."""
    loop = half_learned(tmp_path, KNOWN)
    promote(loop.settings(), "v2", to="shadow")
    return loop


def counts(found: Shadowed) -> tuple[int, ...]:
    """Return answers, failed, others, labeled, unpriced, doubtful, repeated and n."""
    return (
        found.answers, found.failed, found.others, found.labeled, found.unpriced, found.doubtful,
        found.repeated, found.n,
    )  # fmt: skip


def test_a_better_shadow_is_better_and_is_promoted_on_that_evidence(loop: Loop) -> None:
    loop.shadowed(ROWS)
    judged = judge_shadow(loop.settings())
    assert (judged.verdict, judged.reasons) == ("better", ("errors",))
    assert counts(judged) == (206, 0, 0, 206, 0, 0, 0, 206)
    assert judged.found is not None
    assert judged.found.production == pytest.approx(loop.evaluate("v1").verdict.current)
    assert judged.found.ratio is not None and judged.found.ratio < 0.7
    assert judged.found.improved.value > 0.8
    moved = promote(loop.settings(), "shadow")
    assert (moved.version.name, moved.ended) == ("v2", ("shadow",))
    assert moved.event is not None
    evidence = moved.event.evidence
    told = evidence["shadow"]
    assert isinstance(told, dict)
    assert (told["verdict"], told["n"], told["against"]) == ("better", 206, "v1")
    assert told["better"] >= 20
    assert evidence["refused"] == ""


def test_a_worse_shadow_is_refused_with_the_reason_unless_forced(loop: Loop) -> None:
    loop.shadowed(ROWS, factor=0.5)
    judged = judge_shadow(loop.settings(metric="mae"))
    assert (judged.verdict, judged.metric) == ("worse", "mae")
    with pytest.raises(
        GateRefused, match=r"v2 is not better than v1: RMSE .* on the same 206"
    ) as no:
        promote(loop.settings(), "shadow")
    assert "housing evaluate --shadow" in no.value.hint
    assert no.value.evidence["shadow"]["verdict"] == "worse"  # type: ignore[index]
    assert loop.registry.aliases()["production"] == "v1"
    forced = promote(loop.settings(), "shadow", force=True)
    assert forced.event is not None
    assert forced.event.evidence["forced"] is True
    assert forced.event.evidence["shadow"]["verdict"] == "worse"


@pytest.mark.parametrize("ref", ["shadow", "v2"])
def test_too_few_labels_are_no_evidence_whatever_the_version_is_called(
    loop: Loop, ref: str
) -> None:
    loop.shadowed(ROWS[:20])
    judged = judge_shadow(loop.settings())
    assert (judged.verdict, judged.reasons, judged.n) == ("insufficient", ("few",), 20)
    with pytest.raises(GateRefused, match=r"20 real prices came in .* and 30 are needed"):
        promote(loop.settings(), ref)
    abort(loop.settings(), "shadow")
    assert promote(loop.settings(), ref.replace("shadow", "v2"), force=True).version.name == "v2"


def test_a_shadow_that_fails_is_not_better(loop: Loop) -> None:
    loop.shadowed(ROWS, failed=3)
    judged = judge_shadow(loop.settings())
    assert (judged.verdict, judged.reasons) == ("insufficient", ("failures",))
    assert counts(judged) == (206, 3, 0, 206, 3, 0, 0, 203)
    loop.shadowed(ROWS, failed=60)
    assert judge_shadow(loop.settings()).verdict == "worse"
    with pytest.raises(GateRefused, match="it failed on 63 of 412 rows"):
        promote(loop.settings(), "shadow")


def test_only_answers_of_production_since_the_shadow_began_count(loop: Loop) -> None:
    loop.live(ROWS[:50])
    loop.shadowed(ROWS[:50])
    promote(loop.settings(), "v1", to="other")
    train(loop.settings())
    loop.registry.point("production", loop.registry.get("v3"), why="test")
    loop.shadowed(ROWS[50:])
    judged = judge_shadow(loop.settings())
    assert (judged.production.name, judged.version.name) == ("v3", "v2")
    assert counts(judged) == (156, 0, 50, 156, 0, 0, 0, 156)
    abort(loop.settings(), "shadow")
    promote(loop.settings(), "v2", to="shadow")
    assert counts(judge_shadow(loop.settings())) == (0, 0, 0, 0, 0, 0, 0, 0)


def test_doubtful_and_repeated_labels_do_not_count(loop: Loop) -> None:
    """Production's own prices sent back would make it perfect."""
    ids = loop.shadowed(ROWS)
    with closing(open_log(loop.settings().log.url, loop.settings().schema())) as log:
        answered = dict(zip(log.labeled().ids, log.labeled().predicted.tolist(), strict=True))
    loop.label(ids[:20], np.array([answered[one] for one in ids[:20]]))
    judged = judge_shadow(loop.settings())
    assert (judged.doubtful, judged.n, judged.verdict) == (20, 186, "better")
    for _ in range(3):
        loop.shadowed(ROWS[100:150])
    judged = judge_shadow(loop.settings())
    assert (judged.repeated, judged.n) == (150, 186)


def test_the_first_label_of_a_house_counts_and_later_ones_change_nothing(loop: Loop) -> None:
    loop.shadowed(ROWS)
    before = judge_shadow(loop.settings())
    loop.shadowed(ROWS[:100], factor=2.0)
    assert judge_shadow(loop.settings()).found == before.found


def test_a_price_far_off_for_production_alone_counts(loop: Loop) -> None:
    """v1 says half of what houses cost: what is three times its price is no typing error."""
    loop.shadowed(ROWS[:100])
    judged = judge_shadow(loop.settings())
    assert judged.doubtful == 0
    ids = loop.shadowed(ROWS[100:])
    loop.label(ids[:1], np.array([4000.0]))  # one that neither expects
    assert judge_shadow(loop.settings()).doubtful == 1


def test_without_a_shadow_there_is_nothing_to_judge(loop: Loop) -> None:
    abort(loop.settings(), "shadow")
    with pytest.raises(VersionNotFound, match="no shadow") as raised:
        judge_shadow(loop.settings())
    assert "housing promote REF --to shadow" in raised.value.hint


def test_a_log_that_cannot_be_read_is_no_evidence_and_hinders_no_force(loop: Loop) -> None:
    (loop.folder / "logs").mkdir()
    (loop.folder / "logs" / "predictions.csv").write_text("id,other\n")
    with pytest.raises(GateRefused, match="nothing could be said of it as a shadow"):
        promote(loop.settings(), "shadow")
    assert promote(loop.settings(), "shadow", force=True).version.name == "v2"


def _with_log(settings: Settings, url: str) -> Settings:
    return load_settings(
        None,
        {"data.path": settings.data.path, "registry.path": settings.registry.path, "log.url": url},
        ["model.regressor=Ridge", "train.repeats=1"],
        {},
    )


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_the_verdict_on_the_same_rows_is_the_same_on_every_back_end(
    loop: Loop, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_url(kind, loop.folder / "other", request)
    own = loop.settings()
    loop.shadowed(ROWS, failed=2)
    expected = judge_shadow(own)
    monkeypatch.setattr(loop, "settings", lambda: _with_log(own, url))
    loop.shadowed(ROWS, failed=2)
    found = judge_shadow(loop.settings())
    assert counts(found) == counts(expected)
    assert (found.verdict, found.found) == (expected.verdict, expected.found)


def test_a_price_that_no_model_gives_is_none(loop: Loop) -> None:
    (one,) = loop.predict(ROWS[:1])
    with closing(open_log(loop.settings().log.url, loop.settings().schema())) as log:
        log.append_served([Served(one, shadow_version="v2", shadow_price=1.7e308)])
    loop.label([one], np.array([20.0]))
    loop.shadowed(ROWS[1:])
    judged = judge_shadow(loop.settings())
    assert (judged.unpriced, judged.n, judged.verdict) == (1, 205, "better")
