"""Any order of predict, feedback, correction and reopening gives what a dict would give."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    rule,
    run_state_machine_as_test,
)

from housing_cli.data.schema import FeatureSchema
from housing_cli.errors import UnknownPrediction
from housing_cli.prediction_log import open_log
from tests.prediction_log.conftest import BACK_ENDS, fresh_url

SCHEMA = FeatureSchema(("RM", "LSTAT"), "MEDV")
FINITE = st.floats(allow_nan=False, allow_infinity=False)
PRICE = st.one_of(
    st.sampled_from([20.0, 24.5]), st.floats(min_value=5e-324, max_value=3.4e38, exclude_min=False)
)
VERSION = st.sampled_from(["v1", "v2", "v10"])
ROWS = st.lists(st.tuples(st.none() | FINITE, st.none() | FINITE, FINITE), min_size=1, max_size=4)


class Machine(RuleBasedStateMachine):
    """The log beside a model of two dicts."""

    ids = Bundle("ids")
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.address: str = next(addresses)
        self.log = open_log(self.address, SCHEMA)
        self.predicted: dict[str, tuple[str, tuple[float | None, ...], float]] = {}
        self.real: dict[str, float] = {}

    def teardown(self) -> None:
        self.log.close()

    @rule(target=ids, version=VERSION, rows=ROWS)
    def predict(self, version: str, rows: list[tuple[float | None, float | None, float]]) -> object:
        new = self.log.append(version, [row[:2] for row in rows], [row[2] for row in rows])
        self.predicted |= {
            one: (version, row[:2], row[2]) for one, row in zip(new, rows, strict=True)
        }
        return multiple(*new)

    @rule(one=ids, price=PRICE)
    def feedback(self, one: str, price: float) -> None:
        before = self.real.get(one)
        expected = "recorded" if before is None else "unchanged" if before == price else "corrected"
        done = self.log.feedback(one, price)
        assert done.outcome == expected
        assert (done.model_version, done.predicted_price) == (
            self.predicted[one][0],
            self.predicted[one][2],
        )
        self.real[one] = price

    @rule(one=consumes(ids), price=PRICE)
    def late_feedback_is_the_last(self, one: str, price: float) -> None:
        self.feedback(one, price)

    @rule(one=ids)
    def repeat(self, one: str) -> None:
        if one in self.real:
            assert self.log.feedback(one, self.real[one]).outcome == "unchanged"

    @rule(wrong=st.uuids(version=4) | st.uuids(), price=PRICE)
    def unknown(self, wrong: uuid.UUID, price: float) -> None:
        with pytest.raises(UnknownPrediction):
            self.log.feedback(str(wrong), price)

    @rule()
    def reopen(self) -> None:
        self.log.close()
        self.log = open_log(self.address, SCHEMA)

    @rule(version=st.none() | VERSION, newest=st.none() | st.integers(0, 6))
    def look(self, version: str | None, newest: int | None) -> None:
        made = [one for one, row in self.predicted.items() if version in {None, row[0]}]
        known = [one for one in made if one in self.real]
        cut = len(made) if newest is None else newest
        seen = self.log.predictions(version=version, newest=newest)
        assert list(seen.ids) == made[max(0, len(made) - cut) :]
        assert seen.labeled.tolist() == [one in self.real for one in seen.ids]
        labeled = self.log.labeled(version=version, newest=newest)
        assert list(labeled.ids) == known[max(0, len(known) - cut) :]
        assert labeled.real.tolist() == [self.real[one] for one in labeled.ids]
        assert labeled.predicted.tolist() == [self.predicted[one][2] for one in labeled.ids]
        assert list(labeled.versions) == [self.predicted[one][0] for one in labeled.ids]
        for one, row in zip(labeled.ids, labeled.features.tolist(), strict=True):
            expected = self.predicted[one][1]
            assert [None if value != value else value for value in row] == list(expected)  # noqa: PLR0124


addresses: Iterator[str] = iter(())


@pytest.mark.slow
@pytest.mark.parametrize("kind", BACK_ENDS)
def test_the_log_behaves_as_a_dict(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    global addresses  # noqa: PLW0603 - hypothesis makes the machines itself
    addresses = (fresh_url(kind, tmp_path / str(n), request) for n in itertools.count())
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15 if kind == "postgresql" else 30,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
