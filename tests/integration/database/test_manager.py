"""Both datastores under one roof: lazily connected, honestly reported."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest

from tests.support.settings import database_settings, redis_settings
from tests.support.waiting import eventually
from tradewinds.database.manager import DatabaseManager
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.errors import ConfigurationError, UnavailableError


@pytest.fixture
def manager(own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey) -> DatabaseManager:
    return DatabaseManager(database_settings(own_postgres.url), redis_settings(own_valkey.url))


BOTH = {"database": True, "redis": True}


async def test_health_follows_each_part_as_it_goes_and_comes(
    manager: DatabaseManager, own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey
) -> None:
    assert await manager.health_check() == BOTH

    await own_postgres.stop()
    assert await manager.health_check() == {"database": False, "redis": True}

    await own_valkey.stop()
    assert await manager.health_check() == {"database": False, "redis": False}

    await own_postgres.start()
    assert await manager.health_check() == {"database": True, "redis": False}

    await own_valkey.start()
    assert await manager.health_check() == BOTH
    await manager.close()


async def test_health_of_servers_that_were_never_there_is_false(
    own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey
) -> None:
    manager = DatabaseManager(database_settings(own_postgres.url), redis_settings(own_valkey.url))
    await own_postgres.stop()
    await own_valkey.stop()

    assert await manager.health_check() == {"database": False, "redis": False}
    await manager.close()


async def test_health_of_a_frozen_server_is_known_within_its_bound(
    manager: DatabaseManager, own_valkey: EmbeddedValkey
) -> None:
    await manager.connect()
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert await manager.health_check() == {"database": True, "redis": False}
        assert time.monotonic() - started < 1.5
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)

    await eventually(lambda: _is_healthy(manager))
    await manager.close()


async def _is_healthy(manager: DatabaseManager) -> bool:
    return await manager.health_check() == BOTH


async def test_health_without_settings_is_false_and_connecting_names_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    manager = DatabaseManager()

    assert await manager.health_check() == {"database": False, "redis": False}
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        await manager.database()
    with pytest.raises(ConfigurationError, match="REDIS_URL"):
        await manager.redis()


async def test_callers_at_once_share_one_connection(manager: DatabaseManager) -> None:
    databases = await asyncio.gather(*(manager.database() for _ in range(5)))
    connections = await asyncio.gather(*(manager.redis() for _ in range(5)))

    assert len(set(databases)) == len(set(connections)) == 1
    await manager.close()


async def test_connect_leaves_nothing_open_when_one_part_fails(
    own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey
) -> None:
    settings = database_settings(own_postgres.url).model_copy(update={"connect_deadline_seconds": 0.2})
    await own_postgres.stop()
    manager = DatabaseManager(settings, redis_settings(own_valkey.url))

    with pytest.raises(UnavailableError):
        await manager.connect()

    await own_postgres.start()
    await manager.connect()
    assert await manager.health_check() == BOTH
    await manager.close()


async def test_a_closed_manager_connects_again(manager: DatabaseManager) -> None:
    await manager.connect()
    await manager.close()
    await manager.close()

    assert await manager.health_check() == BOTH
    await manager.close()


SCRIPT = """
import asyncio
from tradewinds.database.manager import db_manager

print(asyncio.run(db_manager.health_check()))
print(asyncio.run(db_manager.health_check()))

async def closing():
    print(await db_manager.health_check())
    await db_manager.close()

asyncio.run(closing())
"""


async def test_a_script_uses_the_shared_manager_from_the_environment_and_in_several_loops(
    database_url: str, redis_url: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT),
        env=os.environ | {"DATABASE_URL": database_url, "REDIS_URL": redis_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()

    assert output.decode().splitlines() == [str(BOTH)] * 3, errors.decode()
    assert process.returncode == 0
    assert errors.decode() == ""
