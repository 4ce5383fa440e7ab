"""What is said of labels that may be none."""

from __future__ import annotations

from housing_cli.judging.labels import Doubts, Example, Suspects
from housing_cli.loop.evaluation import Labels
from housing_cli.show.labels import warnings
from housing_cli.words import WIDTH

ONE = Example("id-1", 21600.0, 22.5)


def labels(equal: Suspects | None = None, far: Suspects | None = None, repeated: int = 0) -> Labels:
    return Labels(100, 60, 0.6, 1.0, 2.0, Doubts(60, equal, far), repeated, repeated / 100)


def test_nothing_doubtful_is_nothing_said() -> None:
    assert warnings(labels(repeated=19)) == []


def test_a_mistyped_price_is_named() -> None:
    assert warnings(labels(far=Suspects(1, 1 / 60, True, 2, (ONE,)))) == [
        "1 of 60 real prices (2%) is far off what was predicted\n"
        "  a typing error, or another unit? kept out of the verdict\n"
        "  id-1 (21600 for 22.5)"
    ]


def test_of_many_the_first_are_named_each_on_a_line_of_its_own() -> None:
    some = tuple(Example(f"01a21f46-b22b-76f4-a9c3-2c759db9b57{k}", 2e5, 22.4533) for k in range(5))
    (text,) = warnings(labels(far=Suspects(9, 9 / 60, False, 2, some)))
    assert text.splitlines() == [
        "9 of 60 real prices (15%) are far off what was predicted",
        "  a typing error, or another unit? they count, for only 2 may be typing errors",
        *(f"  {one}" for one in some[:3]),
        "  and 6 more (`--json` names 5: data.labels.doubts.far.examples)",
    ]
    assert max(map(len, text.splitlines())) <= WIDTH


def test_prices_sent_back_are_named_or_counted() -> None:
    (text,) = warnings(labels(equal=Suspects(6, 0.1, True, 0.001)))
    (other,) = warnings(labels(equal=Suspects(6, 0.1, True, 0.001, (), 0.01)))
    assert "the predicted price sent back\n  some rounded to 0.01; they do not count" in other
    assert text == (
        "6 of 60 real prices (10%) are the predicted price sent back\n"
        "  they do not count\n"
        "  all of them older than the rows that were read"
    )


def test_a_share_of_some_is_not_called_none() -> None:
    (text,) = warnings(labels(equal=Suspects(6, 0.004, True, 0.001)))
    assert text.startswith("6 of 60 real prices (under 1%) are")


def test_many_houses_asked_for_again_are_said() -> None:
    assert warnings(labels(repeated=20)) == [
        "20 of the newest predictions (20%) ask again for a house\n  each of them counts"
    ]
