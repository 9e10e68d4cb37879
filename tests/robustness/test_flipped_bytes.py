"""Bits flip on the disk under PostgreSQL: every page that was hit is refused, the audit is not called whole, and no account trades on
it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.operations.audit_chain import verify
from engine_server.operations.log_seals import seal
from tests.integration.oms.engine import ACCOUNT, add_account, running_engine
from tests.support.datastores import temporary_state_dir
from tests.support.settings import database_settings
from tests.support.waiting import eventually
from tradewinds.database import migrations
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres

PAGE = 8192
EVENTS = 900
TABLES = ("order_events", "orders", "audit_log")


async def connected(url: str) -> Database:
    database = Database(database_settings(url))
    await database.connect()
    return database


async def filled(postgres: EmbeddedPostgres) -> dict[str, str]:
    """An account with a long log, an order and an audit; the file of each table."""
    await migrations.upgrade(postgres.url)
    database = await connected(postgres.url)
    try:
        assert await database.pool.fetchval("SHOW data_checksums") == "on"
        await add_account(database)
        async with running_engine(database, ScriptedBroker()) as engine:
            await engine.accepted(await engine.place())
        await database.pool.execute(
            """
            INSERT INTO order_events (account_id, sequence, kind, payload)
            SELECT $1, last + n, 'HELD', jsonb_build_object('order', NULL, 'note', repeat(md5(n::text), 30))
            FROM generate_series(1, $2) n, (SELECT max(sequence) AS last FROM order_events) log
            """,
            ACCOUNT,
            EVENTS,
        )
        await seal(database)
        await database.pool.execute("VACUUM ANALYZE order_events, orders, audit_log")
        await database.pool.execute("CHECKPOINT")
        return {table: await database.pool.fetchval("SELECT pg_relation_filepath($1)", table) for table in TABLES}
    finally:
        await database.close()


def flip_a_bit_in_every_page(file: Path, dice: random.Random) -> int:
    """One bit somewhere in each page; how many pages."""
    content = bytearray(file.read_bytes())
    for page in range(0, len(content), PAGE):
        content[page + dice.randrange(PAGE)] ^= 1 << dice.randrange(8)
    file.write_bytes(content)
    return len(content) // PAGE


@pytest.fixture
async def damaged() -> AsyncIterator[tuple[str, dict[str, int]]]:
    """A server over such files, and how many pages of each table were hit."""
    with temporary_state_dir() as folder:
        postgres = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"})
        async with postgres:
            files = await filled(postgres)
        dice = random.Random(33)
        data = next((folder / "postgres").glob("data"))
        pages = {table: flip_a_bit_in_every_page(data / file, dice) for table, file in files.items()}
        async with postgres:
            yield postgres.url, pages


async def test_every_flipped_bit_is_found_and_none_is_used(damaged: tuple[str, dict[str, int]]) -> None:
    url, pages = damaged
    database = await connected(url)
    try:
        assert sum(pages.values()) > 100
        for table, count in pages.items():
            found = [await is_refused(database, table, page) for page in range(count)]
            assert all(found), f"{found.count(False)} of {count} pages of {table} were read as if nothing were"
        with pytest.raises(asyncpg.DataCorruptedError):
            await verify(database)
        with pytest.raises(asyncpg.DataCorruptedError):
            async with running_engine(database, ScriptedBroker(), wait=False):
                await eventually(accounts_have_ended, timeout=30, what="the engine dies of it")
        assert await database.pool.fetchval("SELECT gate FROM account_leases") == "CLOSED"
    finally:
        await database.close()


def accounts_have_ended() -> bool:
    return "registry engine-0" not in {task.get_name() for task in asyncio.all_tasks()}


async def is_refused(database: Database, table: str, page: int) -> bool:
    try:
        await database.pool.fetch(
            f"SELECT * FROM {table} WHERE ctid >= '({page},0)' AND ctid < '({page + 1},0)'"  # noqa: S608 - constants
        )
    except asyncpg.DataCorruptedError:
        return True
    return False
