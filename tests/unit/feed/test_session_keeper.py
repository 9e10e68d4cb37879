"""Waiting for another broker session."""

from __future__ import annotations

import asyncio
from typing import Any

from engine_server.feed.broker_session import BrokerSession, SessionKeeper

SESSION = BrokerSession("ACC1", "D12345", "j.w.t", "feed", "key")


async def test_a_session_that_comes_before_the_waiting_task_has_begun_is_heard() -> None:
    keeper = SessionKeeper(None, b"", "")  # type: ignore[arg-type] # its database is not asked

    async def read() -> BrokerSession:
        return SESSION

    keeper._read = read  # type: ignore[method-assign]
    assert keeper.session is None
    waiting: asyncio.Task[Any] = asyncio.create_task(keeper.next_change())
    await keeper._read_again()  # before the task has run at all
    async with asyncio.timeout(5):
        await waiting
    assert keeper.session is SESSION
