"""The role that services connect as in earnest reads and appends the audit log, and can change nothing of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import tradewinds.database
from engine_server.operations.audit_chain import verify
from tradewinds.database.session import Database

SCRIPT = Path(tradewinds.database.__file__).with_name("application_role.sql")
APPEND = "INSERT INTO audit_log (actor, action, subject_type, subject_id) VALUES ('asha', 'order.place', 'order', 'o1')"
PARTITIONED = """
SELECT c.oid::regclass::text AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND (c.relkind = 'p' OR c.relispartition AND c.relkind = 'r')
"""


def statements(role: str) -> list[str]:
    """The script as psql runs it, but for its last one, which makes statements."""
    lines = [line for line in SCRIPT.read_text().splitlines() if not line.startswith("--")]
    return [
        one.strip().replace(":role", role) for one in "\n".join(lines).split(";") if "GRANT" in one or "REVOKE" in one
    ]


@pytest.fixture
async def application(database: Database) -> AsyncIterator[Any]:
    """A session as the role."""
    role = f"app_{secrets.token_hex(4)}"
    async with database.pool.acquire() as connection:
        await connection.execute(f"CREATE ROLE {role}")
        for statement in statements(role):
            await connection.execute(statement)
        for row in await connection.fetch(PARTITIONED):
            await connection.execute(f"ALTER TABLE {row['name']} OWNER TO {role}")
        await connection.execute(f"SET ROLE {role}")
        try:
            yield connection
        finally:
            await connection.execute("RESET ROLE")
            await connection.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
            await connection.execute(f"DROP OWNED BY {role}")
            await connection.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "UPDATE audit_links SET hash = ''",
        "DELETE FROM audit_links",
        "TRUNCATE audit_links",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_log_link ON audit_log",
        "CREATE OR REPLACE FUNCTION refuse_audit_log_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "SET session_replication_role = 'replica'",
        "DROP TABLE audit_log",
    ],
)
async def test_it_cannot_change_the_audit_log(application: Any, statement: str) -> None:
    await application.execute(APPEND)
    with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
        await application.execute(statement)
    assert "append-only" not in str(refused.value)  # the privilege is missing: not even the trigger was asked


async def test_it_appends_and_trades_and_what_it_appended_verifies(application: Any, database: Database) -> None:
    await application.execute(APPEND)
    await application.execute("INSERT INTO users (user_id, display_name) VALUES ('asha', 'Asha')")
    await application.execute("UPDATE users SET display_name = 'A.'")
    await application.execute("CREATE TABLE p_of_a_day PARTITION OF minute_bars DEFAULT")
    await application.execute("DROP TABLE p_of_a_day")
    verdict = await asyncio.wait_for(verify(database), 10)
    assert (verdict.checked, verdict.problem) == (1, None)
