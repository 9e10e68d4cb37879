"""A PostgreSQL with our schema, with a Valkey or alone, for one benchmark."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from redis.asyncio import Redis

from tests.support.datastores import temporary_state_dir
from tradewinds.config import DatabaseSettings
from tradewinds.database import migrations
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey


@dataclass(frozen=True)
class Stores:
    """Both, with a connection to each, and a folder for whatever else."""

    database: Database
    database_url: str
    redis: Redis
    redis_url: str
    folder: Path


@asynccontextmanager
async def running_stores() -> AsyncIterator[Stores]:
    """Started, and stopped afterwards."""
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
async def database_on_disk() -> AsyncIterator[Database]:
    """On a disk: a commit in memory would cost nothing."""
    with tempfile.TemporaryDirectory(prefix="tradewinds-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database may run as another user
        async with EmbeddedPostgres(folder / "postgres") as postgres:
            await migrations.upgrade(postgres.url)
            database = Database(DatabaseSettings(url=SecretStr(postgres.url)))
            await database.connect()
            try:
                yield database
            finally:
                await database.close()
