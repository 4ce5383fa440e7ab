"""What a version remembers of its training."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from housing_cli.data.metrics import METRICS
from housing_cli.data.table import read_table
from housing_cli.judging.reference import baseline_value, load_reference
from tests.in_process import Loop, shuffled


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    rows = shuffled(0)[:120].copy()
    rows.iloc[::7, 6] = np.nan
    return Loop(tmp_path_factory.mktemp("reference"), rows)


def test_the_training_rows_come_back_with_what_was_missing(loop: Loop) -> None:
    settings = loop.settings()
    table = read_table(settings.data.path, settings.schema())
    reference = load_reference(loop.registry, loop.registry.get("v1"))
    assert np.array_equal(reference.features, table.features, equal_nan=True)
    assert np.array_equal(reference.target, table.target)
    assert reference.out_of_fold.shape == (settings.train.repeats, 120)
    assert reference.importances.shape == (13,)


def test_the_baseline_is_that_of_the_metadata(loop: Loop) -> None:
    version = loop.registry.get("v1")
    reference = load_reference(loop.registry, version)
    for metric, rule in METRICS.items():
        baseline = reference.baseline(version, metric)
        assert baseline.value == version.metadata.metrics[metric]
        assert rule.value(baseline.losses.mean()) == pytest.approx(baseline.value)
        assert baseline.rows == 120


def test_a_version_older_than_a_metric_gets_its_baseline_from_the_reference(loop: Loop) -> None:
    version = loop.registry.get("v1")
    metadata = msgspec.structs.replace(version.metadata, metrics={"rmse": 3.0})
    older = msgspec.structs.replace(version, metadata=metadata)
    assert baseline_value(loop.registry, older, "rmse") == 3.0
    measured = version.metadata.metrics["mae"]
    assert baseline_value(loop.registry, older, "mae") == pytest.approx(measured, rel=1e-5)
