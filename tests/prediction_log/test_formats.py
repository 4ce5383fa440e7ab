"""The numbers of a log: who may use it, and what is said to others."""

from __future__ import annotations

import pytest

from housing_cli.errors import LogSchemaMismatch
from housing_cli.prediction_log import formats


@pytest.mark.parametrize("version", range(formats.FORMAT + 1))
def test_a_log_for_this_program_or_an_older_one_is_used(version: int) -> None:
    formats.refuse_newer("csv:logs", version)


def test_a_log_for_newer_programs_alone_is_refused_by_name() -> None:
    newer = formats.FORMAT + 1
    with pytest.raises(LogSchemaMismatch) as raised:
        formats.refuse_newer("csv:logs", newer)
    assert raised.value.message == (
        f"the log in `csv:logs` has format {newer}, and this program knows {formats.FORMAT}"
    )
    assert "use the newer `housing` that wrote it" in raised.value.hint


def test_what_is_written_may_be_used_by_older_programs_and_has_room_for_served() -> None:
    """An older program looks at `version` alone, and would refuse a number above its own."""
    assert formats.USABLE_FROM < formats.ROOM_FOR_SERVED <= formats.FORMAT


def test_a_log_without_room_says_how_to_make_it() -> None:
    error = formats.no_room("csv:logs")
    assert "`csv:logs` has format 1, which has no room for `served`" in error.message
    assert "`housing log init --migrate`" in error.hint
