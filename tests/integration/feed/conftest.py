"""A sandbox, and a feed beside it that has a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.integration.feed.scrip_master_site import Site, Starter
from tests.support.feed_process import FeedProcess, Valkey, log_in, write_session
from tests.support.sandbox_process import SandboxProcess
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProcess]:
    async with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture
async def feed(
    sandbox: SandboxProcess, database_url: str, database: Database, redis_url: str, tmp_path: Path
) -> AsyncIterator[FeedProcess]:
    """A running feed with a session of the sandbox."""
    process = FeedProcess(database_url, redis_url, sandbox, tmp_path)
    await write_session(database, process.seal_key, await log_in(sandbox))
    async with process:
        yield process


@pytest.fixture
def valkey(redis: RedisConnection) -> Valkey:
    """redis-py's client of the emptied Valkey."""
    return redis.client


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    application = web.Application()
    application.router.add_get("/master.json", site.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/master.json"
    yield site
    await runner.cleanup()


@pytest.fixture
async def start(site: Site, valkey: Valkey, database: Database) -> AsyncIterator[Starter]:
    """Starts keepers, which end with the test."""
    starter = Starter(site, valkey, database)
    starter.at("2026-11-23T09:00:00")
    yield starter
    for kept in starter.started:
        await kept.stop()
