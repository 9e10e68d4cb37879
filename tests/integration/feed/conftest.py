"""A sandbox, and a feed beside it that has a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
