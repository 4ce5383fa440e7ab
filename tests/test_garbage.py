"""Garbage is looked for again, but not among the modules."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from housing_cli import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_what_was_made_in_a_pause_is_no_garbage_later() -> None:
    garbage.pause()
    assert not gc.isenabled()
    garbage.resume()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 0


def test_to_resume_without_a_pause_changes_nothing() -> None:
    gc.unfreeze()
    garbage.resume()
    assert gc.get_freeze_count() == 0
