"""What is said of labels that may be none."""

from __future__ import annotations

from housing_cli.judging.labels import Doubts, Example, Suspects
from housing_cli.loop.evaluate import Labels
from housing_cli.show.labels import warnings

ONE = Example("id-1", 21600.0, 22.5)


def labels(equal: Suspects | None = None, far: Suspects | None = None, repeated: int = 0) -> Labels:
    return Labels(100, 60, 0.6, 1.0, 2.0, Doubts(60, equal, far), repeated, repeated / 100)


def test_nothing_doubtful_is_nothing_said() -> None:
    assert warnings(labels(repeated=19)) == []


def test_a_mistyped_price_is_named() -> None:
    assert warnings(labels(far=Suspects(1, 1 / 60, True, 2, (ONE,)))) == [
        "1 of 60 real prices (2%) is far off what was predicted (a typing error, or another "
        "unit?), kept out of the verdict: id-1 (21600 for 22.5)"
    ]
    (many,) = warnings(labels(far=Suspects(9, 9 / 60, False, 2, (ONE,))))
    assert "more than the 2 that may be typing errors, so they count" in many
    assert many.endswith("id-1 (21600 for 22.5) and 8 more")


def test_prices_sent_back_are_named_or_counted() -> None:
    (text,) = warnings(labels(equal=Suspects(6, 0.1, True, 0.001)))
    (other,) = warnings(labels(equal=Suspects(6, 0.1, True, 0.001, (), 0.01)))
    assert "the predicted price sent back, some rounded to 0.01; they do" in other
    assert text == (
        "6 of 60 real prices (10%) are the predicted price sent back; they do not count: "
        "all of them older"
    )


def test_many_houses_asked_for_again_are_said() -> None:
    assert warnings(labels(repeated=20)) == [
        "20 of the newest predictions (20%) ask again for a house that was asked for; "
        "each of them counts"
    ]
