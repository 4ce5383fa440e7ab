"""What is said of a log that was made or migrated."""

from __future__ import annotations

import pytest

from housing_cli.prediction_log.formats import FORMAT
from housing_cli.prediction_log.records import Initialized
from housing_cli.show.log import initialized


@pytest.mark.parametrize(
    ("before", "after", "said", "notes"),
    [
        (0, FORMAT, f"made `csv:logs`, format {FORMAT}", 0),
        (1, FORMAT, f"`csv:logs` had format 1 and has {FORMAT}", 0),
        (FORMAT, FORMAT, f"`csv:logs` is there, format {FORMAT}", 0),
        (1, 1, "`csv:logs` is there, format 1", 2),
    ],
)
def test_it_is_said_what_was_there_and_what_is(
    before: int, after: int, said: str, notes: int
) -> None:
    result = initialized("csv:logs", Initialized(before, after))
    assert (result.command, result.status, list(result.show)) == ("log init", "ok", [said])
    assert len(result.notes) == notes
    assert (result.data["before"], result.data["format"]) == (before, after)


def test_an_older_format_is_followed_by_what_to_do() -> None:
    notes = initialized("csv:logs", Initialized(1, 1), " --url csv:logs").notes
    said = [
        f"this version writes format {FORMAT}",
        "next: housing log init --migrate --url csv:logs",
    ]
    assert notes == said


def test_every_grant_is_printed() -> None:
    result = initialized("postgresql://h/d", Initialized(1, FORMAT, ["GRANT A"], ["GRANT B"]))
    assert result.notes == [
        "granted: GRANT A",
        "to grant, where the server has a role of its own: GRANT B",
    ]
    assert result.data == {
        "url": "postgresql://h/d",
        "before": 1,
        "format": FORMAT,
        "granted": ["GRANT A"],
        "to_grant": ["GRANT B"],
    }
