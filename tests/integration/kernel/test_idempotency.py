"""The same request id returns the first result, whoever repeats it and however close."""

from __future__ import annotations

import asyncio

import pytest
from google.protobuf.message import Message

from tradewinds.database.session import Database
from tradewinds.errors import RequestIdReusedError
from tradewinds.idempotency import once
from tradewinds.v1.strategy_manager_pb2 import StartStrategyRequest, StrategyCommand


class Counter:
    """An act that shows how often it was done."""

    def __init__(self) -> None:
        self.done = 0

    async def act(self) -> StrategyCommand:
        self.done += 1
        await asyncio.sleep(0.01)  # let the other one come in between
        return StrategyCommand(command_id=f"command-{self.done}")


async def call(database: Database, counter: Counter, request: Message, request_id: str) -> StrategyCommand:
    async with database.session() as session:
        response = await once(
            session,
            caller="asha",
            method="StartStrategy",
            request_id=request_id,
            request=request,
            response_type=StrategyCommand,
            act=counter.act,
        )
        await session.commit()
    return response


async def test_a_repeat_returns_the_first_result(database: Database) -> None:
    counter = Counter()
    request = StartStrategyRequest(config_id="a")
    first = await call(database, counter, request, "r1")
    assert await call(database, counter, request, "r1") == first
    assert counter.done == 1


async def test_two_at_once_are_one(database: Database) -> None:
    counter = Counter()
    request = StartStrategyRequest(config_id="a")
    both = await asyncio.gather(*(call(database, counter, request, "r1") for _ in range(2)))
    assert both[0] == both[1]
    assert counter.done == 1


async def test_another_body_under_the_same_id_is_refused(database: Database) -> None:
    counter = Counter()
    await call(database, counter, StartStrategyRequest(config_id="a"), "r1")
    with pytest.raises(RequestIdReusedError, match="another body"):
        await call(database, counter, StartStrategyRequest(config_id="b"), "r1")


async def test_without_an_id_every_call_acts(database: Database) -> None:
    counter = Counter()
    for _ in range(2):
        await call(database, counter, StartStrategyRequest(config_id="a"), "")
    assert counter.done == 2


async def test_what_was_rolled_back_does_not_count(database: Database) -> None:
    counter = Counter()
    async with database.session() as session:
        await once(
            session,
            caller="asha",
            method="StartStrategy",
            request_id="r1",
            request=StartStrategyRequest(config_id="a"),
            response_type=StrategyCommand,
            act=counter.act,
        )
        await session.rollback()
    await call(database, counter, StartStrategyRequest(config_id="a"), "r1")
    assert counter.done == 2
