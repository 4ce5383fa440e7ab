"""What the templates are given: the judgment's own figures, whatever there is of them."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from housing_cli.api.dashboard.live import Live, VersionLine
from housing_cli.api.dashboard.snapshot import Snapshot
from housing_cli.api.dashboard.view import commands, loop_view
from housing_cli.loop.status import status
from housing_cli.pages.languages import LANGUAGES
from housing_cli.pages.page import render
from housing_cli.show.status import payload
from tests.in_process import Loop, shuffled

ROWS = shuffled(7)
FACTS: dict[str, Any] = {
    "served": "v1", "reasons": [], "warnings": [], "trials": {}, "address": "http://127.0.0.1:8000",
}  # fmt: skip
FRAME = {"root": "", "language": "en"}
EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `housing status --json` says of a degraded version, its data."""
    loop = Loop(tmp_path_factory.mktemp("view"), ROWS[:280])
    loop.live(ROWS[280:370])
    loop.live(ROWS[370:440], 1.3)
    loop.predict(ROWS[440:450])
    data = payload(status(loop.settings()), first="train", carried="")
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    return found


def seen(data: dict[str, Any] | None, live: Live | None = None, **more: Any) -> dict[str, Any]:
    """Return the view of a judgment of five seconds ago."""
    now = time.time()
    found = None if data is None else Snapshot(now - 5, 2.0, now - 5, data, **more)
    shown = live or Live(production=(data or {}).get("version"))
    return loop_view(found, shown, language="en", facts=FACTS)


def page(view: dict[str, Any], language: str = "en") -> str:
    return " ".join(render("dashboard/now.html", **view, **FRAME | {"language": language}).split())


def test_the_figures_are_those_of_the_judgment(told: dict[str, Any]) -> None:
    view = seen(told)
    assert view["verdict"]["state"] == "degraded"
    assert view["judged"]["ratio"] == told["ratio"]
    assert view["over_time"]["rows"][0][2] == told["evaluation"]["over_time"]["points"][0]["value"]
    assert view["labels"]["waiting"] == 10
    text = page(view)
    assert 'data-verdict="degraded"' in text
    assert f"That is {told['ratio']:.2f} times as much" in text
    assert "housing retrain --promote" in text
    assert text.count("<svg") >= 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_can_be_missing(told: dict[str, Any], language: str) -> None:
    """What another registry, log or version does not have must not take the page away."""
    for key in (*told, None):
        assert "data-verdict" in page(seen({**told, key: None} if key else told), language)
    kept = ("labels", "metric", "baseline", "threshold", "drift", "versions", "feature_segments",
            "recent", "reasons", "n")  # fmt: skip
    for key in told["evaluation"]:
        if key in kept:
            continue
        evaluation = {**told["evaluation"], key: None}
        assert "data-verdict" in page(seen({**told, "evaluation": evaluation}), language)


@pytest.mark.parametrize(
    ("found", "live", "lacks", "why", "says"),
    [
        (None, Live(), [], "waiting", "on its way"),
        (None, Live(), ["sklearn"], "serving-only", "only serves"),
        (Snapshot(1.0, 1.0, 1.0, {"version": None, "verdict": None,
                                  "next": {"command": "housing train", "action": "train",
                                           "why": "", "hint": "", "labels": None}}),
         Live(), [], "none", "housing train"),
        (Snapshot(1.0, 1.0, 1.0, None, "the log is gone", "mend it"), Live(), [], "failed",
         "the log is gone"),
    ],
    ids=["first", "serving only", "no version", "failed"],
)  # fmt: skip
def test_what_is_not_judged_says_why(
    found: Snapshot | None, live: Live, lacks: list[str], why: str, says: str
) -> None:
    view = loop_view(found, live, language="en", lacks=lacks, facts=FACTS)
    assert (view["verdict"]["state"], view["verdict"]["why"]) == ("unknown", why)
    assert says in page(view)


def test_while_another_version_was_promoted_it_is_said_whose_verdict_this_is(
    told: dict[str, Any],
) -> None:
    assert "Production is v2 by now" in page(seen(told, Live(production="v2")))
    assert "by now" not in page(seen(told))


def test_an_old_judgment_says_so(told: dict[str, Any]) -> None:
    old = Snapshot(1.0, 1.0, 1.0, told)
    view = loop_view(old, Live(production="v1"), language="en", facts=FACTS)
    assert view["verdict"]["stale"]
    assert '<p id="stale" class="warning">' in page(view)
    assert '<p id="stale" class="warning" hidden>' in page(seen(told))


def test_nothing_that_somebody_wrote_is_markup(told: dict[str, Any]) -> None:
    line = VersionLine("v1", EVIL, EVIL, EVIL, 1, {}, (EVIL,))
    live = Live(versions=[line], production=EVIL, problems={"log": EVIL, "registry": EVIL})

    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: v if k in {"at", "verdict"} else poisoned(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poisoned(one) for one in value]
        return EVIL if isinstance(value, str) else value

    data = poisoned(told) | {"metric": "rmse"}
    data["evaluation"] |= {"metric": "rmse", "over_time": told["evaluation"]["over_time"]}
    text = page(seen(data, live, failure=EVIL, hint=EVIL))
    assert "<script" not in text
    assert text.count("&lt;script&gt;") > 10


def test_a_trial_has_its_own_verdict_and_not_that_of_the_one_before(told: dict[str, Any]) -> None:
    trial = {"alias": "canary", "version": "v2", "verdict": "healthy", "n": 4, "problem": ""}
    facts = {**FACTS, "trials": {"shadow": None, "canary": {
        "version": "v2", "since": "2026-11-28T12:00:00.000Z", "weight": 20.0, "refused": None,
        "left": None}}}  # fmt: skip
    found = Snapshot(1.0, 1.0, 1.0, {**told, "trials": [trial]})
    view = loop_view(found, Live(production="v1"), language="en", facts=facts)
    (shown,) = view["trials"]
    assert shown["judged"]["verdict"] == "healthy"
    assert "20 % of the rows" in page(view)
    other = Snapshot(1.0, 1.0, 1.0, {**told, "trials": [{**trial, "version": "v3"}]})
    view = loop_view(other, Live(production="v1"), language="en", facts=facts)
    assert view["trials"][0]["judged"] is None


def test_commands_need_the_options_of_the_server() -> None:
    found = commands(["--config", "my file.toml"], "http://h:1")
    assert found["verdict"] == "housing status --config 'my file.toml'"
    assert found["live"] == "curl -s http://h:1/metrics"
    assert "my file.toml" in found["newest"]
    assert commands([], "http://h:1;rm -rf /")["live"] == "curl -s 'http://h:1;rm -rf //metrics'"
