"""LISTEN: nothing is missed, whatever happens to the connection or the handler."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
import pytest

from tests.support.settings import database_settings
from tests.support.waiting import eventually
from tradewinds.database.connecting import open_connection
from tradewinds.database.listener import Listener
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres

LISTENING_PID = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tradewinds listen news'"


class Heard:
    """A handler that keeps what it was called with, and fails while told to."""

    def __init__(self) -> None:
        self.calls: list[str | None] = []
        self.failures = 0

    async def __call__(self, payload: str | None) -> None:
        self.calls.append(payload)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the handler is out of order")


@pytest.fixture
async def listening(database: Database) -> tuple[Database, Heard]:
    heard = Heard()
    await database.listen("news", heard)
    await eventually(lambda: heard.calls == [None])
    return database, heard


async def notify(database: Database, payload: str) -> None:
    await database.pool.execute("SELECT pg_notify('news', $1)", payload)


async def test_payloads_come_in_order_after_one_look_at_everything(listening: tuple[Database, Heard]) -> None:
    database, heard = listening
    for payload in ("a", "b", ""):
        await notify(database, payload)

    await eventually(lambda: heard.calls == [None, "a", "b", ""])


async def test_a_killed_connection_comes_back_with_another_look_at_everything(
    listening: tuple[Database, Heard],
) -> None:
    database, heard = listening
    old_pid = await database.pool.fetchval(LISTENING_PID)

    await database.pool.execute("SELECT pg_terminate_backend($1, 5000)", old_pid)
    await notify(database, "said while nobody listened")

    await eventually(lambda: heard.calls.count(None) == 2, what="handler(None) after the reconnect")
    assert await database.pool.fetchval(LISTENING_PID) != old_pid
    await notify(database, "back")
    await eventually(lambda: heard.calls[-1] == "back")


async def test_a_frozen_connection_is_noticed_and_replaced(database: Database, database_url: str) -> None:
    heard = Heard()
    settings = database_settings(database_url)
    listener = Listener("news", heard, lambda: open_connection(settings, role="listen news"), probe_seconds=0.1)
    await listener.start()
    frozen_pid = await database.pool.fetchval(LISTENING_PID)
    os.kill(frozen_pid, signal.SIGSTOP)
    try:
        await eventually(lambda: heard.calls == [None, None], what="handler(None) after the replacement")
    finally:
        os.kill(frozen_pid, signal.SIGCONT)
    await notify(database, "alive")
    await eventually(lambda: heard.calls[-1] == "alive")
    await listener.close()


async def test_it_outlives_a_restart_of_the_server(own_postgres: EmbeddedPostgres) -> None:
    database = Database(database_settings(own_postgres.url))
    await database.connect()
    heard = Heard()
    await database.listen("news", heard)

    await own_postgres.stop()
    await own_postgres.start()

    await eventually(lambda: heard.calls == [None, None], timeout=10)
    await notify(database, "after the restart")
    await eventually(lambda: heard.calls[-1] == "after the restart")
    await database.close()


async def test_a_handler_that_fails_looks_at_everything_until_it_succeeds(listening: tuple[Database, Heard]) -> None:
    database, heard = listening
    heard.failures = 3

    await notify(database, "a")
    await eventually(lambda: heard.calls == [None, "a", None, None, None])

    await notify(database, "b")
    await eventually(lambda: heard.calls[-1] == "b")


async def test_a_flood_becomes_one_look_at_everything(database: Database) -> None:
    heard = Heard()
    gate = asyncio.Event()

    async def slow(payload: str | None) -> None:
        await heard(payload)
        await gate.wait()

    await database.listen("news", slow)
    await eventually(lambda: heard.calls == [None])
    await database.pool.execute("SELECT pg_notify('news', n::text) FROM generate_series(1, 5000) n")
    await database.pool.execute("SELECT 1")
    gate.set()

    await eventually(lambda: heard.calls[-1] is None and len(heard.calls) > 1)
    assert len(heard.calls) <= 1 + 1000 + 1


async def test_closing_ends_the_task_and_the_connection(listening: tuple[Database, Heard]) -> None:
    database, heard = listening
    listener = await database.listen("news", heard)
    ended = asyncio.create_task(listener.wait())

    await listener.close()
    await asyncio.wait_for(ended, 1)

    async def one_listener() -> bool:
        return len(await database.pool.fetch(LISTENING_PID)) == 1

    await eventually(one_listener)


async def test_listening_to_a_server_that_is_away_fails_at_once(own_postgres: EmbeddedPostgres) -> None:
    database = Database(database_settings(own_postgres.url))
    await database.connect()
    await own_postgres.stop()

    with pytest.raises(ConnectionRefusedError):
        await database.listen("news", Heard())
    await database.close()


async def test_what_ends_the_task_for_good_reaches_its_supervisor(database_url: str) -> None:
    """Not a lost connection: a mistake in the program."""
    settings = database_settings(database_url)
    attempts = 0

    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            raise KeyError("a bug")
        return await open_connection(settings, role="listen news")

    heard = Heard()
    listener = Listener("news", heard, connect)
    await listener.start()
    await eventually(lambda: heard.calls == [None])
    admin = await asyncpg.connect(database_url)
    await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", await admin.fetchval(LISTENING_PID))
    await admin.close()

    with pytest.raises(KeyError, match="a bug"):
        await asyncio.wait_for(listener.wait(), 5)
