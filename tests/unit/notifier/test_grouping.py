"""What comes while enough is under way goes together, in its order, and an error is whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from notifier.grouping import Grouping
from tradewinds.errors import UnavailableError


class Work:
    """Takes until `go` is set; refuses what is negative, and everything while it is `away`."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = asyncio.Event()
        self.away = False

    async def do(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.go.wait()
        if self.away:
            raise UnavailableError("away")
        if min(items) < 0:
            raise ValueError("negative")
        return [2 * item for item in items]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def grouping(work: Work) -> Grouping[int, int]:
    return Grouping(work.do, at_once=2, maximum=10, size_of=abs, failing_all=(UnavailableError,))


async def begun(grouping: Grouping[int, int], *items: int) -> list[asyncio.Task[int]]:
    tasks = []
    for item in items:
        tasks.append(asyncio.create_task(grouping.done(item)))
        await asyncio.sleep(0.001)
    return tasks


async def test_what_comes_meanwhile_goes_together_in_groups_that_are_not_too_large(
    work: Work, grouping: Grouping[int, int]
) -> None:
    tasks = await begun(grouping, 1, 2, 3, 4, 5, 20, 6)
    assert work.groups == [[1], [2]]
    work.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 40, 12]
    assert sorted(work.groups) == [[1], [2], [3, 4], [5], [6], [20]]


async def test_who_goes_away_holds_up_nobody(work: Work, grouping: Grouping[int, int]) -> None:
    tasks = await begun(grouping, 1, 2, 3, 4)
    tasks[0].cancel()
    tasks[2].cancel()
    work.go.set()
    assert (await tasks[1], await tasks[3]) == (4, 8)


async def test_what_is_refused_is_refused_to_whom_it_is_due(work: Work, grouping: Grouping[int, int]) -> None:
    tasks = await begun(grouping, 1, 2, 3, -1, 4)
    work.go.set()
    first, second, third, refused, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, second, third, last) == (2, 4, 6, 8)
    assert isinstance(refused, ValueError)


async def test_what_is_away_is_away_for_all_and_asked_once(work: Work, grouping: Grouping[int, int]) -> None:
    tasks = await begun(grouping, 1, 2, 3, 4)
    work.away = True
    work.go.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 4
    assert work.groups == [[1], [2], [3, 4]]
