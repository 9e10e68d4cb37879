"""The connection to PostgreSQL: what it refuses, what it waits for, what it survives."""

from __future__ import annotations

import asyncio
import contextlib
import time
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy.exc
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.support.settings import database_settings
from tradewinds.database.models import User
from tradewinds.database.session import Database
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.errors import ConfigurationError, PreconditionError, UnavailableError

KILL_THE_OTHERS = (
    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_a_server_that_is_still_starting_is_waited_for(own_postgres: EmbeddedPostgres) -> None:
    url = own_postgres.url
    await own_postgres.stop()
    database = Database(database_settings(url))

    connecting = asyncio.create_task(database.connect())
    await asyncio.sleep(0)
    await own_postgres.start()
    await connecting

    assert await database.is_healthy()
    await database.close()


async def test_a_server_that_stays_away_is_named_with_the_variable_and_the_remedy(
    own_postgres: EmbeddedPostgres,
) -> None:
    url = make_url(own_postgres.url)
    await own_postgres.stop()

    with pytest.raises(UnavailableError) as caught:
        await Database(database_settings(own_url := url.render_as_string(hide_password=False))).connect(
            deadline_seconds=0.3
        )

    assert own_url not in caught.value.message
    assert str(url.password) not in caught.value.message
    assert f"127.0.0.1:{url.port}" in caught.value.message
    assert "within 0.3 s: ConnectionRefusedError" in caught.value.message
    assert "check that the server is up and that DATABASE_URL" in caught.value.message


async def test_a_server_that_never_answers_is_given_up_at_the_deadline() -> None:
    given_up = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        given_up.set()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    started = time.monotonic()

    with pytest.raises(UnavailableError, match=r"within 0\.3 s"):
        await Database(database_settings(f"postgresql://u:p@127.0.0.1:{port}/d")).connect(deadline_seconds=0.3)

    assert time.monotonic() - started < 2
    await asyncio.wait_for(given_up.wait(), 1)
    silent.close()
    await silent.wait_closed()


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"password": "wrong"}, "password authentication failed"), ({"database": "nowhere"}, "nowhere")],
)
async def test_what_waiting_does_not_mend_is_refused_at_once(
    database_url: str, change: dict[str, str], reason: str
) -> None:
    url = make_url(database_url).set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
    started = time.monotonic()

    with pytest.raises(ConfigurationError, match=f"DATABASE_URL postgresql://.*{reason}"):
        await Database(database_settings(url)).connect()

    assert time.monotonic() - started < 5


async def test_a_bad_url_is_refused_by_the_name_of_its_variable() -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL postgresql://u:.*@h:port/d was refused") as caught:
        await Database(database_settings("postgresql://u:hush@h:port/d")).connect()

    assert "hush" not in caught.value.message


async def test_a_server_that_acknowledges_before_writing_is_refused(database_url: str) -> None:
    admin = await asyncpg.connect(database_url)
    await admin.execute(f"ALTER DATABASE {make_url(database_url).database} SET synchronous_commit = off")
    await admin.close()

    with pytest.raises(ConfigurationError, match="synchronous_commit = off: an acknowledged order could be lost"):
        await Database(database_settings(database_url)).connect()


async def test_a_replica_is_refused_until_it_is_promoted(state_dir: Path) -> None:
    server = EmbeddedPostgres(state_dir / "postgres", settings={"fsync": "off"})
    await server.start()
    await server.stop()
    (state_dir / "postgres" / "data" / "standby.signal").touch()
    await server.start()
    try:
        database = Database(database_settings(server.url))
        with pytest.raises(UnavailableError, match="is in recovery"):
            await database.connect(deadline_seconds=0.3)

        admin = await asyncpg.connect(server.url)
        await admin.fetchval("SELECT pg_promote()")
        await admin.close()

        await database.connect()
        await database.close()
    finally:
        await server.stop()


async def test_leaving_a_session_rolls_back(database: Database) -> None:
    async with database.session() as session:
        session.add(User(user_id="u1", display_name="Asha"))
        await session.flush()

    assert await database.pool.fetchval("SELECT count(*) FROM users") == 0


async def test_an_explicit_commit_stays(database: Database) -> None:
    async with database.session() as session:
        session.add(User(user_id="u1", display_name="Asha"))
        await session.commit()

    assert await database.pool.fetchval("SELECT display_name FROM users") == "Asha"


async def test_both_paths_have_the_timeouts(database: Database) -> None:
    names = "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone", "synchronous_commit"
    query = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)

    async with database.session() as session:
        in_session = tuple((await session.execute(text(query))).one())

    on_the_pool = tuple(await database.pool.fetchrow(query) or ())
    assert in_session == on_the_pool == ("2s", "500ms", "5s", "UTC", "on")


async def test_a_statement_that_hangs_is_cut(database: Database) -> None:
    with pytest.raises(asyncpg.QueryCanceledError):
        await database.pool.execute("SELECT pg_sleep(30)")


async def test_jsonb_is_python_values_on_the_raw_pool_and_money_stays_exact(database: Database) -> None:
    value = {"price": Decimal("101.0500"), "nested": [1, None, "रु"]}

    returned = await database.pool.fetchval("SELECT $1::jsonb", value)

    assert returned == {"price": "101.0500", "nested": [1, None, "रु"]}


async def test_both_pools_survive_the_loss_of_their_connections(database: Database, database_url: str) -> None:
    async with database.session() as session:
        await session.execute(text("SELECT 1"))
    admin = await asyncpg.connect(database_url)
    assert await admin.fetchval(KILL_THE_OTHERS) >= 2
    await admin.close()

    async with database.session() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
    assert await database.pool.fetchval("SELECT 1") == 1


async def test_a_full_pool_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewinds.database.session._POOL_WAIT_SECONDS", 0.1)
    database = Database(database_settings(database_url))
    await database.connect()
    async with database.session() as one, database.session() as two, database.session() as three:
        await one.execute(text("SELECT 1"))
        await two.execute(text("SELECT 1"))
        with pytest.raises(sqlalchemy.exc.TimeoutError, match="QueuePool limit of size 2 overflow 0 reached"):
            await three.execute(text("SELECT 1"))
    await database.close()


async def test_close_leaves_no_connection(database_url: str) -> None:
    database = Database(database_settings(database_url))
    await database.connect()
    await database.connect()
    async with database.session() as session:
        await session.execute(text("SELECT 1"))

    await database.close()
    await database.close()

    admin = await asyncpg.connect(database_url)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert await admin.fetchval(query) == 0
    await admin.close()


async def test_close_cuts_a_connection_that_is_still_in_use(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewinds.database.session._CLOSE_SECONDS", 0.1)
    database = Database(database_settings(database_url))
    await database.connect()
    connection = await database.pool.acquire()

    await database.close()

    with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)):
        await connection.execute("SELECT 1")


async def test_what_is_not_connected_says_what_to_call() -> None:
    database = Database(database_settings("postgresql://u:p@127.0.0.1:1/d"))

    with pytest.raises(PreconditionError, match=r"call connect\(\) first"):
        _ = database.pool
    with pytest.raises(PreconditionError, match=r"call connect\(\) first"):
        async with database.session():
            pass
    assert not await database.is_healthy()
