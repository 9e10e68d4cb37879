"""Fixtures that every test may use: real PostgreSQL and Valkey, started when the first test asks for them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from pydantic import SecretStr
from redis.asyncio import Redis

from tests.support.datastores import PostgresForTests, running_postgres, running_valkey, temporary_state_dir
from tradewinds.config import DatabaseSettings, RedisSettings
from tradewinds.database.redis_connection import RedisConnection
from tradewinds.database.session import Database

# Plain lines: structlog's default draws every exception with its locals, which takes half a second each.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
    ]
)


# How long an example takes says how busy the machine is. CI repeats the same examples, so that a red run is about the change.
settings.register_profile(
    "tradewinds", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("tradewinds")

# Most tests wait for processes: one worker runs whole stacks, and the others fill the time of two cores in between.
WORKERS = 3


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` of `make test` means."""
    from tests.support.workers import workers_for

    return workers_for(config.args, WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Which tests stay together."""
    from tests.support.workers import StacksOneByOne

    return StacksOneByOne(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In one process the fast tests come first; with workers, what takes longest."""
    if hasattr(config, "workerinput"):
        from tests.support.workers import stacks_first

        stacks_first(items)


@pytest.fixture(scope="session")
def session_runner() -> Iterator[asyncio.Runner]:
    """The event loop that the shared servers are children of; tests have loops of their own."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def postgres_server(session_runner: asyncio.Runner) -> Iterator[PostgresForTests]:
    """The run's PostgreSQL."""
    with running_postgres(session_runner) as postgres:
        yield postgres


@pytest.fixture(scope="session")
def valkey_url(session_runner: asyncio.Runner) -> Iterator[str]:
    """The run's Valkey, with whatever earlier tests left in it; tests take `redis_url`."""
    with running_valkey(session_runner) as url:
        yield url


@pytest.fixture
def database_url(postgres_server: PostgresForTests) -> Iterator[str]:
    """A migrated database of the test's own."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture
def redis_url(valkey_url: str, session_runner: asyncio.Runner) -> str:
    """The shared Valkey, emptied."""

    async def empty() -> None:
        async with Redis.from_url(valkey_url) as client:
            await client.flushall()

    session_runner.run(empty())
    return valkey_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Connected to the test's own database."""
    database = Database(DatabaseSettings(url=SecretStr(database_url), pool_size=4))
    await database.connect()
    yield database
    await database.close()


@pytest.fixture(name="redis")
async def connected_redis(redis_url: str) -> AsyncIterator[RedisConnection]:
    """Connected to the emptied Valkey."""
    connection = RedisConnection(RedisSettings(url=SecretStr(redis_url)))
    await connection.connect()
    yield connection
    await connection.close()


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder for servers of the test's own."""
    with temporary_state_dir() as folder:
        yield folder
