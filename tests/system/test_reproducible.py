"""Same data, settings and seed: the same model, to the byte."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import QUICK
from tests.system.processes import housing


def test_processes_and_cores_make_no_difference_and_the_seed_does(
    table: Path, workshop: Path
) -> None:
    for jobs, seed in (("1", "7"), ("2", "7"), ("2", "8")):
        ran = housing(
            "train", "--data-path", table, "--seed", seed, "--set", f"train.jobs={jobs}", *QUICK,
            cwd=workshop, env={"PYTHONHASHSEED": jobs},
        )  # fmt: skip
        assert ran.code == 0, ran.stderr
    versions = workshop / "artifacts" / "versions"
    for name in ("model.onnx", "reference.json"):
        first, again, other = ((versions / v / name).read_bytes() for v in ("v1", "v2", "v3"))
        assert first == again
        assert first != other
