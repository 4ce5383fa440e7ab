"""The grammar of windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from housing_cli.config.window import parse_window
from housing_cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30d", timedelta(days=30)),
        ("24h", timedelta(hours=24)),
        ("90m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("2w", timedelta(weeks=2)),
        ("0.5d", timedelta(hours=12)),
        (" 7d ", timedelta(days=7)),
    ],
)
def test_a_time_span(text: str, duration: timedelta) -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    window = parse_window(text)
    assert (window.duration, window.newest) == (duration, None)
    assert window.since(now) == now - duration


@pytest.mark.parametrize("text", ["1000", 1000])
def test_a_number_of_rows(text: str | int) -> None:
    window = parse_window(text)
    assert (window.newest, window.since()) == (1000, None)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-5", "0d", "d", "5 d", "3 months", "1e3", "1.5", "30D", "999999999999d", "٣"],
)  # fmt: skip
def test_what_is_no_window_is_said(text: str) -> None:
    with pytest.raises(UsageError, match="is not a window"):
        parse_window(text)
