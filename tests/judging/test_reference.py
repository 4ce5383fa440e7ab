"""What a version remembers of its training."""

from __future__ import annotations

import numpy as np
import pytest

from housing_cli.data.table import read_table
from housing_cli.judging.reference import load_reference
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
    for metric, losses, power in (("rmse", "squared", 0.5), ("mae", "absolute", 1.0)):
        baseline = reference.baseline(version, metric)  # type: ignore[arg-type]
        assert baseline.value == version.metadata.metrics[metric]
        assert getattr(baseline, losses).mean() ** power == pytest.approx(baseline.value)
        assert baseline.rows == 120
