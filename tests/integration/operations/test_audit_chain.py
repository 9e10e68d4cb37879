"""Whoever changes the audit log, a superuser with the triggers switched off included, is found out, and the row is named."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from engine_server.operations.audit_chain import AuditVerdict, verify
from engine_server.operations.audit_export import Period, exported
from tradewinds import audit
from tradewinds.database.session import Database

_OFF = "ALTER TABLE {0} DISABLE TRIGGER ALL"


async def written(database: Database, count: int = 6) -> None:
    """Rows in three streams: two accounts and what belongs to none."""
    for n in range(count):
        async with database.session() as session:
            await audit.record(
                session,
                actor="asha",
                action="order.place",
                subject=("order", f"ord-{n}"),
                reason="because",
                before={"n": n, "price": "1.10"},
                after={"n": n + 1, "text": "naïve ₹ \u2028"},
                source="10.0.0.1",
                account_id=("ACC1", "ACC2", "")[n % 3],
            )
            await session.commit()


async def tampered(database: Database, *statements: str) -> AuditVerdict:
    async with database.pool.acquire() as superuser, superuser.transaction():
        for table in ("audit_log", "audit_links"):
            await superuser.execute(_OFF.format(table))
        for statement in statements:
            await superuser.execute(statement)
    return await verify(database)


async def test_what_was_written_is_proven(database: Database) -> None:
    await written(database)
    verdict = await verify(database)
    assert (verdict.problem, verdict.checked) == (None, 6)
    assert [(head.stream, head.sequence) for head in verdict.heads] == [
        ("account:ACC1", 2),
        ("account:ACC2", 2),
        ("order", 2),
    ]


async def test_writers_at_the_same_time_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(written(database, 5) for _ in range(8)))
    verdict = await verify(database)
    assert (verdict.problem, verdict.checked) == (None, 40)


async def test_a_transaction_that_is_rolled_back_leaves_no_link(database: Database) -> None:
    await written(database, 2)
    async with database.session() as session:
        await audit.record(session, actor="x", action="x", subject=("order", "x"))
        await session.rollback()
    await written(database, 2)
    verdict = await verify(database)
    assert (verdict.problem, verdict.checked) == (None, 4)


@pytest.mark.parametrize(
    ("statements", "audit_id", "words"),
    [
        (["UPDATE audit_log SET reason = 'another' WHERE audit_id = 4"], 4, "not what was written"),
        (["UPDATE audit_log SET after = after || '{\"n\": 99}' WHERE audit_id = 1"], 1, "not what was written"),
        (
            ["UPDATE audit_log SET recorded_at = recorded_at + interval '1 us' WHERE audit_id = 3"],
            3,
            "not what was written",
        ),
        (["DELETE FROM audit_log WHERE audit_id = 4"], 4, "deleted"),
        (["DELETE FROM audit_log WHERE audit_id = 1", "DELETE FROM audit_links WHERE audit_id = 1"], 4, "missing"),
        (["UPDATE audit_log SET account_id = 'ACC2' WHERE audit_id = 1"], 1, "belongs to the stream account:ACC2"),
        (["UPDATE audit_links SET hash = sha256(hash) WHERE audit_id = 5"], 5, "not what was written"),
        (
            ["INSERT INTO audit_log (actor, action, subject_type, subject_id) VALUES ('x', 'x', 'order', 'x')"],
            7,
            "past the chain",
        ),
        (
            [
                "UPDATE audit_links SET audit_id = -1 WHERE audit_id = 1",
                "UPDATE audit_links SET audit_id = 1 WHERE audit_id = 4",
                "UPDATE audit_links SET audit_id = 4 WHERE audit_id = -1",
            ],
            4,
            "not what was written",
        ),
    ],
)
async def test_a_superuser_who_changes_the_log_is_found_out(
    database: Database, statements: list[str], audit_id: int, words: str
) -> None:
    await written(database)
    verdict = await tampered(database, *statements)
    assert verdict.problem is not None
    assert (verdict.problem.audit_id, words in verdict.problem.what) == (audit_id, True), verdict.problem


async def test_a_chain_that_was_cut_off_or_written_anew_is_found_by_a_noted_head(database: Database) -> None:
    await written(database)
    noted = (await verify(database)).heads
    await written(database)
    assert (await verify(database, noted)).problem is None
    cut = ["DELETE FROM audit_log WHERE account_id = 'ACC1'", "DELETE FROM audit_links WHERE stream = 'account:ACC1'"]
    assert (await tampered(database, *cut)).problem is None  # nothing inside the database can tell
    problem = (await verify(database, noted)).problem
    assert problem is not None
    assert (problem.stream, "cut off" in problem.what) == ("account:ACC1", True)
    async with database.pool.acquire() as superuser:
        for table in ("audit_log", "audit_links"):
            await superuser.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
    await written(database)
    problem = (await verify(database, noted)).problem
    assert problem is not None
    assert "written anew" in problem.what


@pytest.mark.parametrize("table", ["audit_log", "audit_links"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET audit_id = 0", "DELETE FROM {}", "TRUNCATE {}"])
async def test_no_role_changes_it(database: Database, table: str, statement: str) -> None:
    await written(database, 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=f"{table} is append-only"):
        await database.pool.execute(statement.format(table))
    grants = await database.pool.fetch(
        "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_name = $1", table
    )
    assert {row["privilege_type"] for row in grants} & {"UPDATE", "DELETE", "TRUNCATE"} == set()


async def test_a_period_is_exported_whole_and_in_order(database: Database) -> None:
    await written(database)
    await database.pool.execute("INSERT INTO users (user_id, display_name) VALUES ('ravi', 'Ravi')")
    await database.pool.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ('ACC2', 'ravi', 'C', '')"
    )
    assert await _ids(database, Period()) == [1, 2, 3, 4, 5, 6]
    assert await _ids(database, Period(account_id="ACC1")) == [1, 4]
    assert await _ids(database, Period(user_id="ravi")) == [2, 5]
    (third,) = await database.pool.fetch("SELECT recorded_at FROM audit_log WHERE audit_id = 3")
    assert await _ids(database, Period(start=third["recorded_at"])) == [3, 4, 5, 6]
    assert await _ids(database, Period(end=third["recorded_at"])) == [1, 2]


async def _ids(database: Database, period: Period) -> list[int]:
    return [row["audit_id"] async for rows in exported(database, period) for row in rows]
