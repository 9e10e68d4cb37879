"""Fires on their way into PostgreSQL: in order, together, and settled before anybody says how far ticks were judged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from notifier.alerts.book import Fire
from notifier.alerts.commits import Commits
from notifier.alerts.domain.vocabulary import Condition
from tests.support.waiting import eventually
from tests.unit.alerts.alerts import a_row


class Table:
    """Commits when it is let go; `refused` are alerts whose generation is another one by now."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.statements: list[list[tuple[int, int]]] = []
        self.refused: set[int] = set()
        self.away = 0

    async def fire(self, fires: Sequence[Fire]) -> list[Mapping[str, Any]]:
        self.statements.append([(fire.row.number, fire.row.generation) for fire in fires])
        await self.open.wait()
        if self.away:
            self.away -= 1
            raise ConnectionResetError("the database is away")
        return [{"alert_number": fire.row.number} for fire in fires if fire.row.number not in self.refused]


class Stage:
    def __init__(self) -> None:
        self.table = Table()
        self.told: list[int] = []
        self.looked_at: list[int] = []
        self.commits = Commits(
            self.table,
            lambda rows: self.told.extend(row["alert_number"] for row in rows),
            self.looked_at.extend,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.commits.run())
        yield
        assert not task.done()
        task.cancel()


def a_fire(number: int, generation: int = 1) -> Fire:
    row = a_row(Condition.ABOVE, number=number, level=100, generation=generation)
    return Fire(row, 1, 100, 0, 100, False, (), 1, row.arms, row.mark, 0)


async def test_what_fires_while_a_statement_is_under_way_goes_together_into_the_next_one() -> None:
    stage = Stage()
    async with stage.running():
        await stage.commits.give([a_fire(1)])
        await eventually(lambda: len(stage.table.statements) == 1, timeout=1)
        for number in (2, 3, 4):
            await stage.commits.give([a_fire(number)])
        assert stage.told == []
        stage.table.open.set()
        await stage.commits.settled()
    assert stage.table.statements == [[(1, 1)], [(2, 1), (3, 1), (4, 1)]]
    assert stage.told == [1, 2, 3, 4]


async def test_it_is_settled_when_what_had_been_given_is_committed_and_not_before() -> None:
    """Whatever has come since: otherwise nothing would ever be kept while something fires all the time."""
    stage = Stage()
    await stage.commits.settled()
    async with stage.running():
        await stage.commits.give([a_fire(1)])
        given, settling = stage.commits.given, asyncio.create_task(stage.commits.settled())
        await eventually(lambda: len(stage.table.statements) == 1, timeout=1)
        await stage.commits.give([a_fire(2)])
        assert not settling.done()
        first, stage.table.open = stage.table.open, asyncio.Event()
        first.set()
        await settling
        await stage.commits.settled(given)
        assert stage.told == [1]
        stage.table.open.set()
        await stage.commits.settled()
        assert stage.told == [1, 2]


async def test_generations_of_one_alert_are_committed_one_after_the_other() -> None:
    stage = Stage()
    stage.table.open.set()
    async with stage.running():
        await stage.commits.give([a_fire(1, 1), a_fire(2, 1), a_fire(1, 2)])
        await stage.commits.settled()
    assert stage.table.statements == [[(1, 1), (2, 1)], [(1, 2)]]


async def test_what_is_refused_is_not_told_and_looked_at_again() -> None:
    stage = Stage()
    stage.table.open.set()
    stage.table.refused = {2}
    async with stage.running():
        await stage.commits.give([a_fire(1), a_fire(2), a_fire(3)])
        await stage.commits.settled()
    assert (stage.told, stage.looked_at) == ([1, 3], [2])


async def test_a_database_that_is_away_is_waited_for() -> None:
    stage = Stage()
    stage.table.open.set()
    stage.table.away = 2
    async with stage.running():
        await stage.commits.give([a_fire(1)])
        await stage.commits.settled()
    assert stage.table.statements == [[(1, 1)]] * 3
    assert stage.told == [1]


async def test_judging_waits_when_a_storm_is_not_committed_yet() -> None:
    stage = Stage()
    async with stage.running():
        giving = asyncio.create_task(stage.commits.give([a_fire(number) for number in range(1_001)]))
        await eventually(lambda: len(stage.table.statements) == 1, timeout=1)
        assert not giving.done()
        stage.table.open.set()
        await giving
    assert [len(statement) for statement in stage.table.statements] == [500, 500, 1]
