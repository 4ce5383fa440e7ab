from __future__ import annotations

import asyncio
from typing import Any

import pytest

from housing_cli.api.gatherer import Gatherer, Row, settle
from housing_cli.model.compiled import FEW_ROWS


def gatherer(groups: list[list[Row]]) -> Gatherer:
    """Return one that answers each row with its first number and keeps what came together."""

    def work(rows: list[Row], waiting: list[asyncio.Future[Any]], _: object) -> None:
        groups.append(rows)
        if rows[0][0] == -1.0:
            raise RuntimeError("broken")
        settle(waiting, [row[0] for row in rows])

    return Gatherer(work)


def test_rows_of_one_turn_are_worked_on_together_in_their_order() -> None:
    groups: list[list[Row]] = []

    async def ask() -> list[Any]:
        gather = gatherer(groups)

        async def one(number: float) -> Any:
            return await gather.add((number,))

        found = await asyncio.gather(*map(one, range(5)))
        return [*found, await one(9)]

    assert asyncio.run(ask()) == [0, 1, 2, 3, 4, 9]
    assert groups == [[(0,), (1,), (2,), (3,), (4,)], [(9,)]]


def test_a_row_alone_waits_for_no_other() -> None:
    async def turns() -> int:
        future = gatherer([]).add((1.0,))
        seen = 0
        while not future.done():
            seen += 1
            await asyncio.sleep(0)
        return seen

    assert asyncio.run(turns()) == 1


def test_a_group_has_at_most_as_many_rows_as_are_scored_at_once() -> None:
    groups: list[list[Row]] = []

    async def ask() -> list[Any]:
        gather = gatherer(groups)
        return await asyncio.gather(*(gather.add((number,)) for number in range(2 * FEW_ROWS + 3)))

    assert asyncio.run(ask()) == list(range(2 * FEW_ROWS + 3))
    assert [len(group) for group in groups] == [FEW_ROWS, FEW_ROWS, 3]


def test_a_failure_reaches_everybody_who_waits() -> None:
    async def ask() -> list[Any]:
        gather = gatherer([])
        futures = [gather.add((-1.0,)), gather.add((2.0,))]
        return await asyncio.gather(*futures, return_exceptions=True)

    assert [str(error) for error in asyncio.run(ask())] == ["broken", "broken"]


def test_who_has_gone_gets_nothing_and_each_result_finds_its_own() -> None:
    async def ask() -> None:
        loop = asyncio.get_running_loop()
        gone, failed, answered = (loop.create_future() for _ in range(3))
        gone.cancel()
        settle([gone, failed, answered], [1, ValueError("no"), 3])
        assert answered.result() == 3
        with pytest.raises(ValueError, match="no"):
            failed.result()
        settle([gone], RuntimeError("late"))
        assert gone.cancelled()

    asyncio.run(ask())
