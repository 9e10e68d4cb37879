"""What the database does by itself: it notifies, and it keeps the audit log."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.integration.database.rows import an_account, make_configs
from tradewinds.database.session import Database


@pytest.fixture
async def with_configs(database: Database) -> Database:
    async with database.session() as session:
        await an_account(session)
        await make_configs(session)
    return database


async def _heard(database: Database, channel: str, *statements: str) -> list[str | None]:
    """The payloads on `channel` that `statements`, each a transaction, cause; a last NOTIFY marks the end."""
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    await database.listen(channel, heard.put)
    assert await heard.get() is None
    for statement in statements:
        await database.pool.execute(statement)
    await database.pool.execute(f"NOTIFY {channel}, 'end'")
    payloads: list[str | None] = []
    async with asyncio.timeout(5):
        while (payload := await heard.get()) != "end":
            payloads.append(payload)
    return payloads


async def test_a_plain_sql_command_wakes_the_leader(with_configs: Database) -> None:
    insert = "INSERT INTO strategy_commands (config_id, verb) VALUES ('c1', 'START')"

    heard = await _heard(with_configs, "strategy_commands", insert, "UPDATE strategy_commands SET status = 'DONE'")

    command_id = await with_configs.pool.fetchval("SELECT command_id::text FROM strategy_commands")
    assert heard == [command_id]


async def test_every_grant_and_release_notifies_its_config(with_configs: Database) -> None:
    heard = await _heard(
        with_configs,
        "assignments",
        "INSERT INTO assignments (config_id) VALUES ('c1'), ('c2')",
        "UPDATE assignments SET epoch = epoch + 1, instance_id = 'i1' WHERE config_id = 'c2'",
    )

    assert heard == ["c1", "c2", "c2"]


async def test_a_new_login_notifies_its_account(with_configs: Database) -> None:
    heard = await _heard(
        with_configs,
        "broker_sessions",
        "INSERT INTO broker_sessions (account_id, client_code, epoch) VALUES ('a1', 'A1', 1)",
        "UPDATE broker_sessions SET epoch = 2",
    )

    assert heard == ["a1", "a1"]


async def test_many_subscriptions_in_one_statement_notify_once(database: Database) -> None:
    heard = await _heard(
        database,
        "market_subscriptions",
        "INSERT INTO market_subscriptions (subscriber, instrument) SELECT 's1', 'NSE:S' || n FROM generate_series(1, 1000) n",
        "UPDATE market_subscriptions SET priority = 1",
        "DELETE FROM market_subscriptions",
    )

    assert heard == ["", "", ""]


@pytest.fixture
async def with_an_audit_entry(database: Database) -> Database:
    await database.pool.execute(
        "INSERT INTO audit_log (actor, action, subject_type, subject_id) VALUES ('u1', 'start', 'strategy_config', 'c1')"
    )
    return database


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'somebody else'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "TRUNCATE audit_log CASCADE",
        """INSERT INTO audit_log (audit_id, actor, action, subject_type, subject_id) VALUES (1, 'x', 'x', 'x', 'x')
           ON CONFLICT (audit_id) DO UPDATE SET actor = 'x'""",
    ],
)
async def test_the_audit_log_cannot_be_changed(with_an_audit_entry: Database, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit_log is append-only") as caught:
        await with_an_audit_entry.pool.execute(statement)

    assert caught.value.hint == "Write a new entry that corrects the old one."
    assert await with_an_audit_entry.pool.fetchval("SELECT string_agg(actor, ',') FROM audit_log") == "u1"


async def test_the_audit_log_cannot_be_changed_in_replica_mode(with_an_audit_entry: Database) -> None:
    async with with_an_audit_entry.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = 'replica'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute("DELETE FROM audit_log")


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO strategy_commands (config_id, verb) VALUES ('c1', 'DANCE')", "ck_strategy_commands_verb_known"),
        ("UPDATE strategy_configs SET state = 'HAPPY'", "ck_strategy_configs_state_known"),
        (
            """INSERT INTO account_leases (account_id, owner_id, owner_address, epoch, expires_at, gate)
               VALUES ('a1', 'e', 'h:1', 1, now(), 'AJAR')""",
            "ck_account_leases_gate_known",
        ),
    ],
)
async def test_an_unknown_state_is_refused(with_configs: Database, statement: str, constraint: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await with_configs.pool.execute(statement)

    assert caught.value.constraint_name == constraint
