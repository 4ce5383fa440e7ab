"""Every verb works on a registry and on logs that the first version wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Housing
from tests.system.processes import serving

pytestmark = pytest.mark.slow

ROW = {
    "CRIM": 0.00632, "ZN": 18, "INDUS": 2.31, "CHAS": 0, "NOX": 0.538, "RM": 6.575, "AGE": 65.2,
    "DIS": 4.09, "RAD": 1, "TAX": 296, "PTRATIO": 15.3, "B": 396.9, "LSTAT": 4.98,
}  # fmt: skip


def test_evaluate_gives_the_verdict_that_the_old_version_gave(
    housing: Housing, log_url: str, format_1: Path
) -> None:
    found = housing("evaluate", "--json").json["data"]
    expected = json.loads((format_1 / "verdict.json").read_text())
    for name in ("version", "verdict", "metric", "n"):
        assert found[name] == expected[name], name
    for name in ("baseline", "current", "ratio", "interval"):
        assert found[name] == pytest.approx(expected[name], rel=1e-9), name
    for name, value in expected["labels"].items():
        assert found["labels"][name] == value, name


def test_the_version_before_is_judged_on_its_own_rows(housing: Housing, log_url: str) -> None:
    done = housing("evaluate", "--version", "first", "--json")
    assert done.code == 2
    # One of its 135 labels is more than three times the predicted price: as far as all moved.
    assert done.json["data"]["labels"]["doubts"]["far"] is None
    assert done.json["data"]["n"] == 135
    assert done.json["data"]["ratio"] == pytest.approx(2.305, rel=1e-3)


def test_retrain_learns_from_the_old_log_and_numbers_on(housing: Housing, log_url: str) -> None:
    done = housing("retrain", "--force", "--tag", "fourth", "--json")
    assert done.code == 0, done.stderr
    assert done.json["data"]["version"] == "v4"


def test_rollback_brings_back_the_old_version(housing: Housing, format_1: Path) -> None:
    assert housing("promote", "--rollback", "--reason", "test").code == 0
    assert (format_1 / "artifacts" / "aliases" / "production").read_text() == "v1\n"
    assert housing("registry", "verify").code == 0


def test_an_old_version_is_promoted_by_its_tag(housing: Housing, format_1: Path) -> None:
    assert housing("promote", "third", "--force", "--reason", "test").code == 0
    assert (format_1 / "artifacts" / "aliases" / "production").read_text() == "v3\n"


def test_the_old_registry_is_listed_shown_compared_and_verified(
    housing: Housing, format_1: Path
) -> None:
    listed = housing("registry", "ls", "--json").json["data"]["versions"]
    assert sorted(version["version"] for version in listed) == ["v1", "v2", "v3"]
    for words in (("show", "second"), ("diff", "v1", "v2"), ("history",), ("verify",)):
        assert housing("registry", *words).code == 0, words
    assert housing("registry", "gc", "--keep", "1", "--json").code == 0


def test_train_numbers_on(housing: Housing, format_1: Path) -> None:
    done = housing("train", "--json")
    assert done.json["data"]["version"] == "v4"
    assert done.json["data"]["production"] is False


def test_the_server_prices_logs_and_takes_a_price_for_an_old_id(
    housing: Housing, log_url: str, format_1: Path
) -> None:
    before = housing("evaluate", "--json").json["data"]["n"]
    unlabeled = (format_1 / "logs" / "predictions.csv").read_text().splitlines()[-1]
    with serving(format_1, env={"HOUSING_LOG_URL": log_url}) as server:
        answer = server.client.post("/predict", json=ROW).json()
        assert answer["model_version"] == "v2"
        sent = [answer["id"]]
        if log_url.startswith("csv:"):
            sent.append(unlabeled.partition(",")[0])
        for key in sent:
            labeled = server.client.post("/feedback", json={"id": key, "real_price": 24.5})
            assert labeled.status_code == 200
    assert housing("evaluate", "--json").json["data"]["n"] == before + len(sent)
