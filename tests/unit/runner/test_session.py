"""A session that ends, however grpc says it, is opened again."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import pytest

from strategy_runner.engines import Engines
from strategy_runner.gate import OrderGate
from strategy_runner.inspection import Inspector
from strategy_runner.roster import Roster
from strategy_runner.session import RunnerSession
from strategy_runner.session_outbox import SessionOutbox
from strategy_runner.settings import RunnerIdentity
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock
from tradewinds.v1 import strategy_runner_pb2 as pb


class EmptyRoster:
    """Holds nothing."""

    def held(self) -> list[Any]:
        return []

    def session_opened(self) -> None:
        pass


class EndedAfterWelcome:
    """A call that ends right after Welcome: the next write is told before the read is (grpc.aio `_write`)."""

    def __init__(self, told: BaseException) -> None:
        self.writes = 0
        self._told = told
        self._answers = [pb.SessionResponse(welcome=pb.Welcome(lease_ttl_seconds=60, heartbeat_seconds=0.01))]

    async def write(self, _message: Any) -> None:
        self.writes += 1
        if self.writes > 1:
            raise self._told

    async def read(self) -> Any:
        if self._answers:
            return self._answers.pop()
        await asyncio.sleep(3600)
        return grpc.aio.EOF

    def cancel(self) -> bool:
        return True


class Engine:
    """A channel that remembers the sessions opened on it."""

    def __init__(self, told: BaseException) -> None:
        self.calls: list[EndedAfterWelcome] = []
        self._told = told

    def stream_stream(self, *_: Any, **__: Any) -> Any:
        return self._open

    def _open(self, **_: Any) -> EndedAfterWelcome:
        self.calls.append(EndedAfterWelcome(self._told))
        return self.calls[-1]


@pytest.mark.parametrize(
    "told",
    [
        asyncio.InvalidStateError("RPC already finished."),  # the engine has ended it
        asyncio.CancelledError(),  # the reader has: it waited for longer than a lease, and its timeout has cancelled the call
    ],
    ids=repr,
)
async def test_a_write_that_meets_an_ended_call_opens_a_new_session(told: BaseException) -> None:
    engine, clock = Engine(told), SystemClock()
    session = RunnerSession(
        engines=Engines(["127.0.0.1:1"], lambda _address: engine),
        token="t",
        identity=RunnerIdentity("runner-0", "ri-1", 1, "0"),
        roster=cast("Roster", EmptyRoster()),
        outbox=SessionOutbox(),
        gate=OrderGate(clock.monotonic),
        inspector=cast("Inspector", None),
        clock=clock,
    )
    running = asyncio.create_task(session.run())
    await eventually(lambda: len(engine.calls) >= 2 or running.done(), what="a second session")
    assert not running.done(), running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
