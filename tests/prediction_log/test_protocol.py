"""Every back end has the protocol's methods, to be called in the same words."""

from __future__ import annotations

import inspect
import re
import typing

import pytest

from housing_cli.errors import ConfigError
from housing_cli.prediction_log import PredictionLog, open_log
from tests.conftest import ROOT
from tests.prediction_log.conftest import BACK_ENDS
from tests.prediction_log.rows import BOSTON

METHODS = sorted(
    name for name, value in vars(PredictionLog).items()
    if inspect.isfunction(value) and not name.startswith("_")
)  # fmt: skip


def arguments(function: object) -> list[tuple[str, object, object]]:
    """Return names, kinds and defaults of what a method takes."""
    taken = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    return [(one.name, one.kind, one.default) for one in taken]


def test_the_protocol_covers_writing_reading_and_making() -> None:
    assert {"append", "feedback", "labeled", "sums", "served", "init", "check"} < set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_takes_what_the_protocol_says(log: PredictionLog, name: str) -> None:
    wanted, found = arguments(getattr(PredictionLog, name)), arguments(getattr(type(log), name))
    assert found[: len(wanted)] == wanted
    # What a back end takes beyond that may be left out.
    assert all(default is not inspect.Parameter.empty for _, _, default in found[len(wanted) :])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_does(name: str) -> None:
    assert inspect.getdoc(getattr(PredictionLog, name))


@pytest.mark.parametrize(
    ("url", "fsync", "blocking"),
    [
        ("csv:logs", False, False),
        ("csv:logs", True, True),
        ("sqlite:///logs.db", False, False),
        ("sqlite:///logs.db", True, True),
        ("postgresql://nobody@127.0.0.1:1/none", False, True),
    ],
)
def test_a_log_says_its_url_and_whether_writing_may_wait(
    url: str, fsync: bool, blocking: bool
) -> None:
    log = open_log(url, BOSTON, fsync=fsync)
    assert set(typing.get_type_hints(PredictionLog)) == {"url", "blocking"}
    assert log.blocking is blocking
    assert log.url.partition(":")[2].endswith(url.rpartition("/")[2].removeprefix("csv:"))
    log.close()


@pytest.mark.parametrize("kind", BACK_ENDS)
def test_who_looks_for_a_url_is_told_of_every_kind(kind: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_log("what:is", BOSTON)
    assert f"`{kind}" in raised.value.hint
    for page in ("configs/housing.toml", "docs/operate.md"):
        assert re.search(rf"\b{kind}[\w+]*:", (ROOT / page).read_text()), page
