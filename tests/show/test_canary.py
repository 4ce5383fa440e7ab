"""What is said of a canary: in 80 columns, without a figure that nobody knows."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from housing_cli.errors import ExitCode
from housing_cli.judging.canary import errors_of, jump_of, latency_of, quality_of, worst
from housing_cli.loop.canary import Canary
from housing_cli.registry import Trial
from housing_cli.show.canary import canary_payload, canary_result, canary_sentence
from housing_cli.show.printer import text_of_result
from tests.registry.versions import registry_of

NONE = np.empty(0)
SOME = np.abs(np.random.default_rng(1).normal(size=400))


def canary(tmp_path: Path, rows: int = 400, failed: int = 0, level: float = 1.0) -> Canary:
    registry = registry_of(tmp_path / "artifacts", 2)
    errors = errors_of(rows, failed, 0.01)
    latency = latency_of(SOME[:rows], SOME[:rows], 20.0)
    jump = jump_of((SOME[:rows] + 1) * level, SOME[:rows] + 1, 0.5)
    figures = (3.1, 3.0) if rows else (None, None)
    quality = quality_of(SOME[:rows], SOME, figures, 1.0, threshold=0.1, min_samples=30)
    return Canary(
        version=registry.get("v2"),
        production=registry.get("v1"),
        trial=Trial("canary", "v2", "2026-11-28T12:00:00.000Z", 10.0, 4),
        since=datetime(2026, 11, 28, 12, tzinfo=UTC),
        metric="rmse",
        verdict=worst((errors.verdict, latency.verdict, jump.verdict, quality.verdict)),
        errors=errors,
        latency=latency,
        price_jump=jump,
        quality=quality,
        min_samples=30,
        skipped=0,
    )


def test_a_healthy_canary_gets_more_and_then_all(tmp_path: Path) -> None:
    found = canary(tmp_path)
    said = canary_result(found, strict=True)
    assert (said.exit_code, said.status) == (ExitCode.OK, "ok")
    assert said.notes == ["next: housing promote --weight 50"]
    trial = msgspec.structs.replace(found.trial, weight=50.0)
    most = dataclasses.replace(found, trial=trial)
    assert canary_result(most, strict=True).notes == ["next: housing promote canary"]
    assert (
        canary_sentence(found) == "v2 is healthy: it works, and is not shown to price worse than v1"
    )


def test_other_features_are_said_and_not_waited_for(tmp_path: Path) -> None:
    found = canary(tmp_path, rows=0)
    schema = found.version.metadata.schema
    other = msgspec.structs.replace(schema, features=schema.features[:-1])
    metadata = msgspec.structs.replace(found.version.metadata, schema=other)
    version = msgspec.structs.replace(found.version, metadata=metadata)
    said = canary_result(dataclasses.replace(found, version=version), strict=False)
    assert said.data["warnings"] == ["v2: its features are not those of v1: servers do not ask it"]
    assert said.notes[-1] == "next: housing promote --abort --reason 'other features'"


def test_a_degraded_one_exits_with_2_and_is_given_up(tmp_path: Path) -> None:
    said = canary_result(canary(tmp_path, failed=40, level=3.0), strict=False, carried=" --set a=1")
    assert (said.exit_code, said.status) == (ExitCode.DEGRADED, "degraded")
    assert said.data["reasons"] == ["errors", "price_jump"]
    assert said.notes == ["next: housing promote --abort --reason 'errors, price' --set a=1"]
    assert said.data["canary"]["next"] == said.notes[0].removeprefix("next: ")


@pytest.mark.parametrize("rows", [0, 5, 90])
def test_too_little_is_never_healthy_and_no_figure_is_none(tmp_path: Path, rows: int) -> None:
    found = canary(tmp_path, rows=rows)
    for strict, code in ((False, ExitCode.OK), (True, ExitCode.INSUFFICIENT)):
        said = canary_result(found, strict=strict)
        assert (said.exit_code, said.status) == (code, "insufficient")
    text = json.dumps(canary_payload(found), allow_nan=False)
    assert "NaN" not in text
    assert said.notes[-1].startswith("next: wait for more rows")


@pytest.mark.parametrize(("rows", "failed", "level"), [(0, 0, 1.0), (90, 0, 1.0), (400, 40, 3.0)])
def test_all_of_it_fits_eighty_columns(
    tmp_path: Path, rows: int, failed: int, level: float
) -> None:
    said = canary_result(canary(tmp_path, rows, failed, level), strict=False)
    lines = [*text_of_result(said).splitlines(), *"\n".join(said.notes).splitlines()]
    assert len(lines) > 6
    for line in lines:
        assert len(line) <= 80, line
