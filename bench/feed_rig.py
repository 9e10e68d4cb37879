"""A feed's surroundings as real processes: stores, and the frame source in place of the broker's market socket."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from redis.asyncio import Redis

from tests.support.datastores import temporary_state_dir
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.config import DatabaseSettings
from tradewinds.database import migrations
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey


@dataclass(frozen=True)
class Stores:
    """What a feed keeps its things in."""

    database: Database
    database_url: str
    redis: Redis
    redis_url: str
    folder: Path


@asynccontextmanager
async def stores() -> AsyncIterator[Stores]:
    """Both started, the database migrated; stopped afterwards."""
    with temporary_state_dir() as folder:
        postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
        await asyncio.gather(postgres.start(), valkey.start())
        await migrations.upgrade(postgres.url)
        database = Database(DatabaseSettings(url=SecretStr(postgres.url)))
        redis = Redis.from_url(valkey.url)
        try:
            await database.connect()
            yield Stores(database, postgres.url, redis, valkey.url, folder)
        finally:
            await redis.aclose()
            await database.close()
            await asyncio.gather(postgres.stop(), valkey.stop())


@asynccontextmanager
async def frame_source(folder: Path, sandbox: SandboxProcess, ticks_per_second: float) -> AsyncIterator[str]:
    """Its URL. It has the sandbox's certificate, and keeps the sandbox's time."""
    clock = await sandbox.get("/sandbox/clock")
    ready_file = folder / "frame_source.json"
    ready_file.unlink(missing_ok=True)
    arguments = (ready_file, sandbox.ca_file.parent, ticks_per_second, clock["market_ms"] - clock["real_ms"])
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.frame_source", *map(str, arguments))

    async def url() -> str:
        return str(json.loads(ready_file.read_text())["url"]) if ready_file.exists() else ""

    try:
        yield await eventually(url, timeout=10, what="the frame source")
    finally:
        process.kill()
        await process.wait()
