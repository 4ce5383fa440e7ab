"""What the page says of one house."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from housing_cli.api.dashboard.house import MOST_SHOWN, Tried, explain, predicted, unknown_words
from housing_cli.api.served import Answer
from housing_cli.data.kinds import Category
from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import NotExplained

SCHEMA = FeatureSchema(
    ("a", "b"), "price", {}, {"b": Category({"x": 1})}, {"price": "USD", "a": "m"}
)


class Explaining:
    """Stands for the thread that explains."""

    def __init__(self, told: dict[str, Any] | Exception) -> None:
        self.told = told
        self.asked: Any = None

    async def explain(self, row: Any, values: Any) -> bytes:
        self.asked = (row, values)
        if isinstance(self.told, Exception):
            raise self.told
        return msgspec.json.encode(self.told)


def explained(tried: Tried, told: Any) -> Explaining:
    explaining = Explaining(told)
    asyncio.run(explain(tried, explaining, [1.5, 1.0], SCHEMA))  # type: ignore[arg-type]
    return explaining


def told(n: int, key: str = "contribution", version: str = "v1") -> dict[str, Any]:
    return {
        "model_version": version, "scale": "price" if key == "contribution" else "log",
        "exact": True, "base": 20.0,
        "contributions": [{"feature": f"f{k}", "value": k, key: 2.0} for k in range(n)],
    }  # fmt: skip


def test_an_answer_as_it_is_shown() -> None:
    tried = predicted(Answer(21.5, "id", "v1", [20.0, 23.0], 0.9, ["a"]), SCHEMA)
    assert (tried.price, tried.interval, tried.coverage) == (21.5, [20.0, 23.0], 0.9)
    assert (tried.target, tried.unit, tried.outside) == ("price", "USD", ["a"])
    assert tried.recorded
    assert predicted(Answer(21.5, "id", "v1"), SCHEMA).interval is None


def test_values_are_asked_for_in_words() -> None:
    assert explained(Tried(version="v1"), told(2)).asked == ((1.5, 1.0), ["1.5", "x"])


@pytest.mark.parametrize(("key", "rest"), [("contribution", 6.0), ("factor", 8.0)])
def test_what_is_small_is_put_together(key: str, rest: float) -> None:
    tried = Tried(version="v1")
    explained(tried, told(MOST_SHOWN + 3, key))
    assert (len(tried.contributions), tried.more, tried.rest) == (MOST_SHOWN, 3, rest)
    assert tried.factor is (key == "factor")


def test_who_cannot_be_explained_says_why() -> None:
    tried = Tried(version="v1")
    explained(tried, NotExplained("v1 carries nothing", "train"))
    assert tried.not_explained == "v1 carries nothing"


def test_another_version_does_not_explain_what_was_predicted() -> None:
    tried = Tried(version="v1", recorded=True)
    explained(tried, told(2, version="v2"))
    assert "v2" in tried.not_explained
    assert not tried.contributions


def test_new_words_are_named() -> None:
    assert unknown_words(SCHEMA, [1.0, "y"]) == ["b: y"]
    assert unknown_words(SCHEMA, [1.0, "x"]) == unknown_words(SCHEMA, [None, None]) == []
