"""schemathesis against the running server: its OpenAPI document is true, and nothing is a 5xx.

All checks and all phases; the links of the document lead it from `/predict` to `/feedback`, so
that real prices of real predictions are sent as well.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.processes import serving

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SECONDS = 180

pytestmark = pytest.mark.skipif(
    not SCHEMATHESIS.exists(), reason="schemathesis is not installed (dependency group `ci`)"
)


KEYS = {"HOUSING_API_KEYS": "first,second", "HOUSING_API_PROTECT_METRICS": "true"}
# A batch of more rows than `maxItems` is refused, by the status that says so.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 404, 405, 408, 413, 415, 422]
"""
AUTHORIZED = ("-H", "X-API-Key: second")


@pytest.mark.parametrize(
    ("examples", "least", "options", "variables"),
    [
        pytest.param(100, 1000, (), {}, id="open"),
        pytest.param(60, 700, AUTHORIZED, KEYS, id="with a key"),
        pytest.param(30, 400, (), KEYS, id="without the key"),
    ],
)
def test_schemathesis_finds_nothing(
    artifacts: Path, examples: int, least: int, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    folder = artifacts.parent
    (folder / "schemathesis.toml").write_text(CONFIG)
    with serving(folder, env=variables) as server:
        done = subprocess.run(
            [
                SCHEMATHESIS, "run", f"{server.client.base_url}/openapi.json", "--checks", "all",
                "-n", str(examples), "--seed", "20", "--no-shrink", *options,
            ],
            cwd=folder, check=False, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        metrics = server.client.get("/metrics", headers={"X-API-Key": "second"}).text
        assert done.returncode == 0, done.stdout[-5000:]
        assert not any("Traceback" in line for line in server.output), server.output
    cases = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert cases and cases[1] == cases[2], done.stdout
    assert int(cases[1]) >= least  # 2,000 and more together
    assert 'status="5' not in metrics
    labeled = 'housing_feedback_total{outcome="recorded"' in metrics
    assert labeled is (bool(options) or not variables)
