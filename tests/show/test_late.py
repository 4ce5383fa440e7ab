"""What is said of late labels."""

from __future__ import annotations

from dataclasses import replace

from housing_cli.loop.late import LateLabels
from housing_cli.show.late import late_line

LATE = LateLabels(62, 35.2 * 86_400, 56 * 86_400, 36 * 86_400, 59 * 86_400, "60d", 1.0)


def test_the_line_says_how_many_how_late_and_which_window_counts_them() -> None:
    assert late_line(LATE) == [
        "62 labels came too late for this window\n"
        "  35.2 d to 56.0 d after the prediction: `--window 60d` would count them"
    ]
    one = replace(LATE, n=1, longest_delay=LATE.shortest_delay)
    assert late_line(one) == [
        "1 label came too late for this window\n"
        "  35.2 d after the prediction: `--window 60d` would count it"
    ]


def test_nothing_is_said_without_late_labels_or_of_a_few() -> None:
    assert late_line(None) == []
    assert late_line(replace(LATE, share=0.01)) == []
