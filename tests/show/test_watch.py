"""Looking again and again: each look is printed, a failure is one of them, Ctrl-C ends quietly."""

from __future__ import annotations

import json
import time

import pytest

from housing_cli.errors import LogUnavailable
from housing_cli.show.result import Result
from housing_cli.show.watch import watch


def test_each_look_is_printed_until_ctrl_c(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([Result("status", {"n": 1}, show=["one"]), LogUnavailable("away", "wait"), None])
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)

    def look() -> Result:
        found = next(looks)
        if found is None:
            raise KeyboardInterrupt
        if isinstance(found, Exception):
            raise found
        return found

    assert watch(look, 5.0, as_json=False) == 0
    said = capsys.readouterr()
    assert said.out == "one\n"
    assert said.err == "error: away\nhint: wait\n"
    assert waited == [5.0, 5.0]


def test_json_is_an_object_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(3))

    def sleep(_: float) -> None:
        if next(count) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    assert watch(lambda: Result("status", {"n": 1}), 0.1, as_json=True) == 0
    told = [json.loads(line)["data"]["n"] for line in capsys.readouterr().out.splitlines()]
    assert told == [1, 1, 1]
