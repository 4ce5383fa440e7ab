"""What is tried, as `status` tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from housing_cli.loop.promote import promote
from housing_cli.loop.train import train
from housing_cli.loop.tried import trials_of
from tests.in_process import Loop, half_learned, shuffled

KNOWN, ROWS = shuffled(0)[:300], shuffled(0)[300:]


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    return half_learned(tmp_path, KNOWN)


def test_nothing_is_tried_at_first(loop: Loop) -> None:
    assert trials_of(loop.settings(), loop.registry) == ()


def test_a_shadow_and_a_canary_have_their_verdicts(loop: Loop) -> None:
    train(loop.settings(), tag="third")
    promote(loop.settings(), "v2", to="shadow")
    promote(loop.settings(), "v3", to="canary", weight=20.0)
    loop.shadowed(ROWS)
    shadow, canary = trials_of(loop.settings(), loop.registry)
    assert (shadow.alias, shadow.version, shadow.verdict, shadow.n) == (
        "shadow",
        "v2",
        "better",
        206,
    )
    assert shadow.command == "promote shadow"
    assert (canary.version, canary.weight, canary.verdict) == ("v3", 20.0, "insufficient")
    assert canary.command == "evaluate --canary"


def test_a_broken_trial_is_told_and_hides_nothing(loop: Loop) -> None:
    promote(loop.settings(), "v2", to="canary")
    (loop.registry.directory("v2") / "reference.json").unlink()
    (loop.registry.directory("v2") / "model.onnx").write_bytes(b"broken")
    (canary,) = trials_of(loop.settings(), loop.registry)
    assert (canary.version, canary.verdict, canary.weight) == ("v2", None, 10.0)
    assert "v2" in canary.problem
