"""The migrations: they make what the models say, once, whoever runs them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.integration.database.schema_catalog import schema_of
from tests.support.datastores import PostgresForTests
from tests.support.waiting import eventually
from tradewinds.database import migrations
from tradewinds.database.models import Base


@pytest.fixture
def empty_database_url(postgres_server: PostgresForTests) -> Iterator[str]:
    with postgres_server.fresh_database(migrated=False) as url:
        yield url


async def _run_sync(url: str, function: Any) -> Any:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(function)
    finally:
        await engine.dispose()


async def test_alembic_finds_no_difference_between_models_and_migrations(database_url: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": Base.metadata}
        )
        return list(compare_metadata(context, Base.metadata))

    assert await _run_sync(database_url, differences) == []


async def test_postgresql_finds_no_difference_between_models_and_migrations(
    database_url: str, empty_database_url: str
) -> None:
    await _run_sync(empty_database_url, Base.metadata.create_all)

    of_models, of_migrations = await schema_of(empty_database_url), await schema_of(database_url)

    assert of_models ^ of_migrations == set()
    assert any("CHECK" in line for line in of_models)


async def test_two_migrations_at_once_make_one_schema(empty_database_url: str, database_url: str) -> None:
    await asyncio.gather(*(migrations.upgrade(empty_database_url) for _ in range(3)))

    assert await schema_of(empty_database_url) == await schema_of(database_url)


async def test_a_migration_waits_for_the_one_in_progress(empty_database_url: str) -> None:
    blocker = await asyncpg.connect(empty_database_url)
    try:
        await blocker.execute("SELECT pg_advisory_lock($1)", migrations.ADVISORY_LOCK_KEY)
        upgrade = asyncio.create_task(migrations.upgrade(empty_database_url))

        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        await eventually(lambda: blocker.fetchval(waiting), what="the migration waits for the lock")
        assert await blocker.fetchval("SELECT to_regclass('users')") is None

        await blocker.execute("SELECT pg_advisory_unlock_all()")
        await upgrade
        assert await blocker.fetchval("SELECT to_regclass('users')") == "users"
    finally:
        await blocker.close()


async def test_a_migrated_database_is_left_as_it_is(database_url: str) -> None:
    before = await schema_of(database_url)

    await migrations.upgrade(database_url)

    assert await schema_of(database_url) == before


async def _migrate_command(url: str | None) -> tuple[int | None, str]:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tradewinds.database", "migrate"),
        env=environment | ({"DATABASE_URL": url} if url is not None else {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode, errors.decode()


async def test_the_command_migrates_the_database_of_the_environment(empty_database_url: str, database_url: str) -> None:
    assert await _migrate_command(empty_database_url) == (0, "")
    assert await schema_of(empty_database_url) == await schema_of(database_url)


async def test_the_command_names_the_missing_variable() -> None:
    exit_code, errors = await _migrate_command(None)

    assert exit_code == 1
    assert "DATABASE_URL" in errors
    assert "postgresql://" in errors


async def test_a_refused_migration_names_the_database_but_not_its_password(database_url: str) -> None:
    url = make_url(database_url).set(password="not-the-password").render_as_string(hide_password=False)

    with pytest.raises(migrations.MigrationError) as caught:
        await migrations.upgrade(url)

    assert "password authentication failed" in caught.value.message
    assert "not-the-password" not in caught.value.message
