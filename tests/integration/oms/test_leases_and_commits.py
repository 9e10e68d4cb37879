"""One owner at a time by database time; a commit that was not answered is looked up, not guessed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from engine_server.broker.port import OrderTicket, Outcome
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.account_lease import AccountLease, LeaseLostError, LeaseOwner, acquire
from engine_server.oms.pacer import PacerSettings
from tests.integration.oms.cutting_proxy import cutting_proxy
from tests.integration.oms.engine import ACCOUNT, FAST, add_account, running_engine
from tests.support.settings import database_settings
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError, TradewindsError, UnavailableError

TTL = LeaseSettings(ttl_seconds=0.5)


async def take(database: Database, owner: str) -> AccountLease | None:
    return await acquire(database, ACCOUNT, LeaseOwner(owner, "addr"), TTL, SystemClock())


async def test_a_lease_has_one_owner_and_a_new_epoch_at_every_acquisition(database: Database) -> None:
    await add_account(database)
    first = await take(database, "engine-0")
    assert first is not None
    assert await take(database, "engine-1") is None
    assert await take(database, "engine-0") is None  # not even the same name: it may be its own zombie
    await first.release("done")
    second = await take(database, "engine-0")
    assert second is not None
    assert second.epoch == first.epoch + 1
    assert (first.is_held, second.is_held) == (False, True)


async def test_a_renewed_lease_does_not_expire(database: Database) -> None:
    await add_account(database)
    lease = await take(database, "engine-0")
    assert lease is not None
    keeper = asyncio.create_task(lease.keep())
    await asyncio.sleep(TTL.ttl_seconds * 2)  # the time itself is what is tested
    assert await take(database, "engine-1") is None
    keeper.cancel()
    taken = await eventually(lambda: take(database, "engine-1"))
    assert taken is not None
    assert not lease.is_held
    with pytest.raises(LeaseLostError):
        await lease.keep()


async def test_an_expired_lease_that_nobody_took_is_renewed_at_its_epoch(database: Database) -> None:
    await add_account(database)
    lease = await take(database, "engine-0")
    assert lease is not None
    await database.pool.execute("UPDATE account_leases SET expires_at = now() - interval '1 hour'")
    await lease.renew()
    assert lease.is_held
    assert await take(database, "engine-1") is None


async def test_a_second_engine_takes_over_when_the_first_stops(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with (
        running_engine(database, broker) as first,
        running_engine(database, broker, owner="engine-1", wait=False) as second,
    ):
        await second.registry.accounts.refresh()
        with pytest.raises(UnavailableError, match=r"engine engine-0 at 127\.0\.0\.1:1 owns it") as elsewhere:
            await second.place()
        assert elsewhere.value.reason == "ACCOUNT_ELSEWHERE"
        assert first.management is not None
    async with running_engine(database, broker, owner="engine-1") as second:
        await second.accepted(await second.place())


async def test_what_the_engine_before_has_sent_counts_at_the_brokers_rates(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    slow = replace(FAST, pacer=PacerSettings(limit=2, window_seconds=600.0))
    async with running_engine(database, broker, settings=slow) as first:
        order = await first.place()
        await first.accepted(order)
        await first.cancel(order.order_id)
        await first.wait_for(order.order_id, "CANCELLED")
    async with running_engine(database, broker, owner="engine-1", settings=slow) as second:
        sent = broker.counted_in
        assert (len(sent.placements), len(sent.cancels), len(sent.changes)) == (1, 1, 0)
        assert (await second.place()).state == "PENDING_SUBMIT"
    assert len(broker.sent) == 1


async def test_a_stopped_engine_gives_its_connection_back_as_it_was(database: Database, broker: ScriptedBroker) -> None:
    """The pool undoes nothing between two users of a connection."""
    await add_account(database)
    before = await every_session(database)
    async with running_engine(database, broker) as engine:
        await engine.accepted(await engine.place())
    assert await every_session(database) == before


async def every_session(database: Database) -> set[tuple[str, ...]]:
    """Settings other than the session began with, advisory locks, temporary tables and channels of every pooled connection."""
    found = set()
    connections = [await database.pool.acquire(timeout=5) for _ in range(database.pool.get_max_size())]
    try:
        for connection in connections:
            settings = await connection.fetch("SELECT name FROM pg_settings WHERE source = 'session' ORDER BY name")
            locks = await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
            tables = await connection.fetchval("SELECT count(*) FROM pg_class WHERE relpersistence = 't'")
            channels = await connection.fetchval("SELECT count(*) FROM pg_listening_channels()")
            found.add((*(row["name"] for row in settings), f"{locks} {tables} {channels}"))
    finally:
        for connection in connections:
            await database.pool.release(connection)
    return found


async def test_a_lost_epoch_cannot_commit_or_send(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker, ttl_seconds=6) as engine:
        await database.pool.execute("UPDATE account_leases SET epoch = epoch + 1, owner_id = 'engine-9'")
        with pytest.raises(TradewindsError):
            await engine.place()
        await eventually(lambda: engine.management is None, what="the account is given up")
        assert await engine.rows("SELECT 1 FROM orders") == []
        assert broker.sent == []
        await engine.registry.accounts.refresh()
        with pytest.raises(UnavailableError, match="engine-9"):
            await engine.place()


async def test_a_lapsed_lease_closes_the_gate_and_comes_back(database: Database, broker: ScriptedBroker) -> None:
    """PostgreSQL is away for longer than the lease: nothing is sent, nothing is lost, nobody is alarmed."""
    await add_account(database)
    async with running_engine(database, broker, ttl_seconds=0.8) as engine:
        async with database.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT 1 FROM account_leases FOR UPDATE")  # renewals wait
            await eventually(lambda: not _may_trade(engine.management), timeout=3)
            with pytest.raises(PreconditionError, match="lease"):
                await engine.place()
        await eventually(lambda: _may_trade(engine.management))
        await engine.accepted(await engine.place())
        assert (await engine.rows("SELECT epoch FROM account_leases"))[0]["epoch"] == 1


def _may_trade(management: object) -> bool:
    try:
        management.gate.check_open()  # type: ignore[attr-defined]
    except (PreconditionError, AttributeError):
        return False
    return True


async def test_a_commit_whose_answer_was_lost_is_found_and_sent_once(
    database_url: str, database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    async with cutting_proxy(database_url) as proxy:
        cut = Database(database_settings(proxy.url))
        await cut.connect()
        async with running_engine(cut, broker, ttl_seconds=6) as engine:
            await engine.accepted(await engine.place())  # the statement is prepared
            proxy.cut_when_sent("lost-answer")
            order = await engine.place(request_id="lost-answer")
            await engine.accepted(order)
            assert proxy.cuts == 1
        await cut.close()
    assert len(broker.sent) == 2
    events = await database.pool.fetch("SELECT sequence, kind FROM order_events ORDER BY sequence")
    assert [row["sequence"] for row in events] == [1, 2, 3, 4]


async def test_a_commit_that_was_cut_down_is_made_again(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker, ttl_seconds=6) as engine:
        async with database.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT 1 FROM account_leases FOR UPDATE")
            placing = asyncio.create_task(engine.place())
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%new_orders%'"
            (pid,) = await eventually(lambda: engine.rows(waiting))
            await connection.execute("SELECT pg_terminate_backend($1)", pid["pid"])
        order = await placing
        await engine.accepted(order)
    assert len(broker.sent) == 1
    assert len(await engine.rows("SELECT 1 FROM orders")) == 1


async def test_a_stop_waits_for_answers_and_frees_the_account(database: Database, broker: ScriptedBroker) -> None:
    answer = asyncio.Event()

    async def slow(ticket: OrderTicket) -> Outcome:
        asyncio.get_running_loop().call_later(0.3, answer.set)
        await answer.wait()
        return broker.accept(ticket)

    await add_account(database)
    broker.placements.append(slow)
    async with running_engine(database, broker) as engine:
        order = await engine.place()
        await eventually(lambda: broker.sent)
    assert (await engine.order(order.order_id)).state == "OPEN"
    lease = (await engine.rows("SELECT gate, gate_reason, expires_at < now() AS free FROM account_leases"))[0]
    assert lease == {"gate": "CLOSED", "gate_reason": "the engine stopped", "free": True}
    assert broker.closed


@pytest.mark.parametrize("name", [f"margins {ACCOUNT}", f"account {ACCOUNT}"])
async def test_a_part_of_an_account_that_ends_cancelled_is_not_silent(database: Database, name: str) -> None:
    await add_account(database)

    async def cancelled_under_us() -> None:
        async with running_engine(database, ScriptedBroker()) as engine:
            parts = {task.get_name(): task for task in asyncio.all_tasks()}
            parts[name].cancel()  # as what it awaits may: nobody has given the account up
            await eventually(parts[f"registry {engine.owner}"].done, what="the engine's own end")

    with pytest.raises(RuntimeError, match="ended cancelled"):
        await cancelled_under_us()
