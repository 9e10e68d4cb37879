"""The outbox relay waits for a database that is away; it must not take its engine with it."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import Any, cast

import asyncpg
import grpc
import pytest

from engine_server.fleet.faults import DATABASE_FAULTS
from engine_server.oms import kill_desk
from engine_server.outbox import OutboxRelay
from notifier.types import TYPES
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.v1 import notifier_pb2

# What SIGKILL of PostgreSQL makes asyncpg raise, from the cut to the end of the recovery.
WHILE_AWAY = (
    ConnectionRefusedError("connection refused"),
    asyncpg.CannotConnectNowError("the database system is starting up"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    asyncpg.InterfaceError("connection is closed"),
    asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    TimeoutError(),
)


class AwayPool:
    """A pool that has no connection to give."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.asked = 0

    @property
    def pool(self) -> AwayPool:
        return self

    def acquire(self) -> Any:
        self.asked += 1
        raise self._error


@pytest.mark.parametrize("error", WHILE_AWAY, ids=lambda error: type(error).__name__)
async def test_a_database_that_is_away_is_waited_for(error: Exception) -> None:
    away = AwayPool(error)
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        relay = OutboxRelay(cast("Database", away), channel, "token")
        running = asyncio.create_task(relay.run())
        await eventually(lambda: away.asked == 1 or running.done())
        relay.wake()
        await eventually(lambda: away.asked == 2 or running.done())
        assert not running.done(), running.exception()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("error", WHILE_AWAY, ids=lambda error: type(error).__name__)
def test_the_fleet_waits_for_the_same(error: Exception) -> None:
    assert isinstance(error, DATABASE_FAULTS)


class RefusingNotifier:
    """Refuses every event of one type, as a notifier does that does not know it."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def BatchSendNotifications(self, batch: Any, **_: Any) -> None:  # noqa: N802 - the rpc's name
        types = [request.type for request in batch.requests]
        if "UNHEARD_OF" in types:
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.INVALID_ARGUMENT, nothing, nothing, "is not a type")
        self.taken += types


async def test_an_event_that_the_notifier_refuses_is_dropped_and_the_others_go_on() -> None:
    notifier = RefusingNotifier()
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        relay = OutboxRelay(cast("Database", None), channel, "token")
        relay._stub = notifier
        requests = [notifier_pb2.SendNotificationRequest(type=type_) for type_ in ("A", "UNHEARD_OF", "B")]
        await relay._send(requests)
    assert notifier.taken == ["A", "B"]


def test_what_the_kill_switch_tells_is_a_type_that_the_notifier_knows() -> None:
    told = set(re.findall(r"'(KILL_SWITCH_\w+)'", inspect.getsource(kill_desk)))
    assert told
    assert told <= set(TYPES)
