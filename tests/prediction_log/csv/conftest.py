"""A log of two features in csv files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from housing_cli.prediction_log import PredictionLog, open_log
from tests.prediction_log.csv.small import SMALL


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    """An open log in `tmp_path`."""
    opened = open_log(f"csv:{tmp_path}", SMALL)
    yield opened
    opened.close()
