"""The order log under its seals: whoever changes what was sealed, a superuser included, is found out by `audit verify`."""

from __future__ import annotations

import asyncio

import pytest

from engine_server.operations.audit_chain import verify
from engine_server.operations.log_seals import seal
from tests.integration.oms.engine import add_account
from tradewinds.database.session import Database

OTHER = "ACC2"


async def logged(database: Database, account_id: str, *sequences: int) -> None:
    await database.pool.executemany(
        "INSERT INTO order_events (account_id, sequence, kind, payload) VALUES ($1, $2, 'HELD', $3)",
        [(account_id, number, {"order": None, "note": {"message": f"naïve ₹ {number}"}}) for number in sequences],
    )


@pytest.fixture
async def sealed(database: Database) -> Database:
    """Two accounts; three events of one in two seals, two of the other in one."""
    await add_account(database)
    await add_account(database, OTHER)
    await logged(database, "ACC1", 1, 2)
    await logged(database, OTHER, 1, 2)
    assert await seal(database) == 4
    await logged(database, "ACC1", 3)
    assert await seal(database) == 1
    return database


async def test_what_is_sealed_is_proven_and_sealed_once(sealed: Database) -> None:
    assert await seal(sealed) == 0
    await logged(sealed, OTHER, 3)  # younger than the last seal: the next one proves it
    verdict = await verify(sealed)
    assert (verdict.problem, [(head.stream, head.sequence) for head in verdict.heads]) == (None, [("order_log", 3)])


async def test_engines_that_seal_at_the_same_time_seal_once(database: Database) -> None:
    await add_account(database)
    await logged(database, "ACC1", *range(1, 40))
    assert sum(await asyncio.gather(*(seal(database) for _ in range(6)))) == 39
    assert (await verify(database)).problem is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE order_events SET payload = payload || '{\"x\": 1}' WHERE (account_id, sequence) = ('ACC1', 2)",
            "1 to 2 ",
        ),
        ("UPDATE order_events SET recorded_at = recorded_at + interval '1 us' WHERE account_id = 'ACC2'", "1 to 2 "),
        ("UPDATE order_events SET kind = 'RELEASED' WHERE (account_id, sequence) = ('ACC1', 3)", "3 to 3 "),
        ("DELETE FROM order_events WHERE (account_id, sequence) = ('ACC1', 3)", "3 to 3 "),
        ("DELETE FROM order_events WHERE account_id = 'ACC1'", "1 to 2 "),
    ],
)
async def test_whoever_changes_what_was_sealed_is_found_out(sealed: Database, statement: str, words: str) -> None:
    await sealed.pool.execute(statement)
    problem = (await verify(sealed)).problem
    assert problem is not None
    assert (problem.stream, f"events {words}" in problem.what) == ("order_log", True), problem


async def test_a_seal_that_is_taken_out_of_the_chain_leaves_events_without(sealed: Database) -> None:
    """The chain says it first; without its link, the next seal does not follow on."""
    async with sealed.pool.acquire() as owner, owner.transaction():
        for table in ("audit_log", "audit_links"):
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await owner.execute("DELETE FROM audit_links WHERE audit_id = 1")
        await owner.execute("DELETE FROM audit_log WHERE audit_id = 1")
        await owner.execute("UPDATE audit_links SET sequence = sequence - 1")
    problem = (await verify(sealed)).problem
    assert problem is not None
