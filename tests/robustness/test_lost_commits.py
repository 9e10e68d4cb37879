"""PostgreSQL is killed under orders that callers were answered: none is lost. The control commits as a careless installation would
(`synchronous_commit = off`), loses some, and the same check must say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import asyncpg
import psutil
import pytest

from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms import statements
from tests.integration.oms.engine import add_account, running_engine
from tests.robustness.checker import promises_are_kept
from tests.robustness.evidence import Evidence
from tests.support.datastores import temporary_state_dir
from tests.support.settings import database_settings
from tradewinds.database import migrations
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres

ORDERS = 40
# What is not flushed by a commit stays in memory until the kill. The disk itself is not what dies here.
SETTINGS = {"wal_writer_delay": "10s", "fsync": "off"}


def kill_every_process(postmaster: int) -> None:
    """SIGKILL, the postmaster first: it must not tidy up after the others."""
    parent = psutil.Process(postmaster)
    for process in (parent, *parent.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


async def promised_until_killed(postgres: EmbeddedPostgres) -> Mapping[str, frozenset[str]]:
    """Place orders, and kill PostgreSQL as soon as the last one was answered."""
    database = Database(database_settings(postgres.url))
    await database.connect()
    await add_account(database)
    promised = {}
    try:
        async with running_engine(database, ScriptedBroker(), ttl_seconds=60) as engine:
            for number in range(ORDERS):
                order = await engine.place(request_id=f"r{number}", price=Decimal(1300 + number))
                promised[f"r{number}"] = frozenset({order.order_id})
            kill_every_process(postgres.pid)
    finally:
        await database.close()
    return promised


async def kept(folder: Path) -> Evidence:
    """What is there after crash recovery."""
    async with EmbeddedPostgres(folder, settings=SETTINGS) as postgres:
        connection = await asyncpg.connect(postgres.url)
        try:
            return Evidence(orders=[dict(row) for row in await connection.fetch("SELECT * FROM orders")])
        finally:
            await connection.close()


@pytest.mark.parametrize("careless", [False, True])
async def test_what_was_answered_survives_a_killed_postgresql(careless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if careless:
        careless_session = f"{statements.PLAN_BY_KEY}; SET synchronous_commit = off"
        monkeypatch.setattr(statements, "PLAN_BY_KEY", careless_session)
    with temporary_state_dir() as folder:
        postgres = EmbeddedPostgres(folder / "postgres", settings=SETTINGS)
        await postgres.start()
        try:
            await migrations.upgrade(postgres.url)
            promised = await promised_until_killed(postgres)
        finally:
            await asyncio.shield(postgres.stop())
        found = await kept(folder / "postgres")
    lost = list(promises_are_kept(Evidence(orders=found.orders, promised=promised), frozenset()))
    sys.stdout.write(f"faults=kill_postgres ops={ORDERS} acked={len(promised)} careless={careless} lost={len(lost)}\n")
    assert bool(lost) is careless, lost
