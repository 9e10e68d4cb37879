"""Whatever dies at whatever instant: an order is never sent twice and never forgotten."""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine_server.broker.port import (
    Accepted,
    BrokerError,
    LoginRefusedError,
    NotSent,
    OrderTicket,
    Outcome,
    ReportStatus,
    SessionExpiredError,
    StreamConnected,
    StreamLost,
    Unknown,
)
from engine_server.broker.scripted import Answer, ScriptedBroker
from engine_server.oms.domain.tags import Tags
from engine_server.oms.pacer import PacerSettings
from tests.integration.oms.engine import ACCOUNT, FAST, Engine, add_account, running_engine
from tests.support.waiting import eventually
from tests.unit.oms.orders import RELIANCE
from tradewinds.clock import SystemClock
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError, PreconditionError, UnavailableError


async def killed_at(failpoint: str, database_url: str, sent_file: Path) -> list[str]:
    """Run a victim until it dies; the tags that it sent."""
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.oms.victim", database_url, failpoint, str(sent_file)
    )
    assert await victim.wait() == -signal.SIGKILL
    return sent_file.read_text().split() if sent_file.exists() else []


def ticket_of(tag: str) -> OrderTicket:
    return OrderTicket(tag, RELIANCE, "BUY", 10, "LIMIT", "MIS", Decimal(1400))


def booked_late(broker: ScriptedBroker) -> Answer:
    """The broker has it, answers nothing, and its book does not show it: from before anybody can look."""

    async def placed(ticket: OrderTicket) -> Outcome:
        broker.hidden_tags.add(ticket.tag)
        return await unanswered(broker, booked=True)(ticket)

    return placed


async def test_killed_before_the_send_it_is_unknown_and_then_not_placed(
    database_url: str, database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    assert await killed_at("before_send", database_url, tmp_path / "sent") == []
    stored = await database.pool.fetchrow("SELECT order_id, state FROM orders")
    assert stored is not None
    assert stored["state"] == "SUBMITTING"
    async with running_engine(database, broker) as engine:
        assert (await engine.order(stored["order_id"])).state in ("UNKNOWN", "NOT_PLACED")
        ended = await engine.wait_for(stored["order_id"], "NOT_PLACED")
        assert ended.reason == "NOT_FOUND_AT_BROKER"
        assert (await engine.place(request_id="r1")).order_id == stored["order_id"]
    states = [row["state"] for row in await engine.rows("SELECT state FROM order_events ORDER BY sequence")]
    assert states == ["SUBMITTING", "UNKNOWN", "NOT_PLACED"]
    assert broker.sent == []


async def test_killed_after_the_send_it_is_found_by_its_tag_and_not_sent_again(
    database_url: str, database: Database, broker: ScriptedBroker, tmp_path: Path
) -> None:
    await add_account(database)
    (tag,) = await killed_at("after_send", database_url, tmp_path / "sent")
    broker.accept(ticket_of(tag))
    broker.fill("261122000000001", 10, "1400", stream=False)
    async with running_engine(database, broker) as engine:
        order = await engine.place(request_id="r1")
        await engine.wait_for(order.order_id, "FILLED", broker_order_id="261122000000001", tag=tag)
    assert broker.sent == []


def unanswered(broker: ScriptedBroker, *, booked: bool) -> Answer:
    async def answer(ticket: OrderTicket) -> Outcome:
        if booked:
            broker.accept(ticket)
        return Unknown("timed out")

    return answer


async def test_an_unknown_order_is_adopted_from_the_book_by_its_tag(engine: Engine, broker: ScriptedBroker) -> None:
    broker.placements.append(unanswered(broker, booked=True))
    order = await engine.place()
    found = await engine.wait_for(order.order_id, "OPEN", broker_order_id="261122000000001")
    assert (found.reason, found.message) == ("", "")
    events = await engine.event_log.read_account_after(ACCOUNT, 0, 100)
    assert [event.order.state for event in events if event.order] == ["SUBMITTING", "UNKNOWN", "OPEN"]
    assert len(broker.sent) == 1


async def test_an_unknown_order_is_adopted_from_the_stream_by_its_tag(engine: Engine, broker: ScriptedBroker) -> None:
    broker.placements.append(booked_late(broker))
    order = await engine.place()
    await engine.wait_for(order.order_id, "UNKNOWN")
    broker.fill("261122000000001", 10, "1400")
    await engine.wait_for(order.order_id, "FILLED")


async def test_an_order_under_the_wrong_id_is_found_by_its_tag(engine: Engine, broker: ScriptedBroker) -> None:
    """The answer names an order that is not there, or, worse, another one of ours."""
    other = await engine.place()
    others_id = await engine.accepted(other)
    for wrong in ("261122000009999", others_id):

        async def answered(ticket: OrderTicket, wrong: str = wrong) -> Outcome:
            broker.accept(ticket)
            return Accepted(wrong, "unique-wrong")

        broker.placements.append(answered)
        order = await engine.place()
        await engine.wait_for(order.order_id, "OPEN", broker_order_id=f"26112200000{len(broker.book):04d}")
        broker.fill(f"26112200000{len(broker.book):04d}", 10, "1400")
        await engine.wait_for(order.order_id, "FILLED")
    assert (await engine.order(other.order_id)).filled_quantity == 0
    broker.fill(others_id, 10, "1400")
    await engine.wait_for(other.order_id, "FILLED")
    assert await engine.rows("SELECT kind FROM account_holds") == []


async def test_an_unknown_order_is_not_placed_only_after_both_bounds(engine: Engine, broker: ScriptedBroker) -> None:
    broker.placements.append(unanswered(broker, booked=False))
    started, reads = asyncio.get_running_loop().time(), broker.book_reads
    order = await engine.place()
    ended = await engine.wait_for(order.order_id, "NOT_PLACED")
    bounds = FAST.recovery.bounds
    assert asyncio.get_running_loop().time() - started >= bounds.minimum_seconds
    assert broker.book_reads - reads >= bounds.minimum_reads
    assert ended.reason == "NOT_FOUND_AT_BROKER"
    assert len(broker.sent) == 1
    topics = [row["topic"] for row in await engine.rows("SELECT topic FROM outbox ORDER BY outbox_id")]
    assert topics[-1] == "ORDER_NOT_PLACED"  # known within the bound: nobody was paged
    assert "ORDER_UNKNOWN" not in topics


async def test_engines_that_follow_each_other_quickly_find_out_all_the_same(
    database: Database, broker: ScriptedBroker
) -> None:
    """None of them lives for as long as the bound; together they have waited it out."""
    await add_account(database)
    broker.placements.append(unanswered(broker, booked=False))
    bounds = replace(FAST.recovery.bounds, minimum_seconds=3600.0)
    settings = replace(FAST, recovery=replace(FAST.recovery, bounds=bounds))
    async with running_engine(database, broker, settings=settings) as engine:
        order = await engine.place()
        await engine.wait_for(order.order_id, "UNKNOWN")
    await database.pool.execute("UPDATE order_events SET recorded_at = recorded_at - interval '1 hour'")
    reads = broker.book_reads
    async with running_engine(database, broker, settings=settings) as engine:
        await engine.wait_for(order.order_id, "NOT_PLACED")
    assert broker.book_reads - reads >= bounds.minimum_reads


async def test_failed_reads_prove_nothing(engine: Engine, broker: ScriptedBroker) -> None:
    broker.placements.append(unanswered(broker, booked=True))
    broker.read_errors.extend(BrokerError("HTTP 503") for _ in range(6))
    order = await engine.place()
    await engine.wait_for(order.order_id, "OPEN")


async def test_strategies_hear_when_the_books_are_right_again_and_not_of_every_look(
    engine: Engine, broker: ScriptedBroker
) -> None:
    await eventually(lambda: len(engine.reconciled) == 1, what="told of the start")
    assert engine.management is not None
    engine.management.read_books_soon()
    broker.push(StreamConnected())
    await eventually(lambda: len(engine.reconciled) == 2, what="told of the stream that is back")


async def test_an_order_given_up_that_works_after_all_is_cancelled_and_raised(
    engine: Engine, broker: ScriptedBroker
) -> None:
    broker.placements.append(booked_late(broker))
    order = await engine.place()
    await engine.wait_for(order.order_id, "NOT_PLACED")
    broker.hidden_tags.clear()
    broker.push(StreamConnected())
    await eventually(lambda: broker.cancels_sent == ["261122000000001"])
    raised = await engine.rows("SELECT payload FROM outbox WHERE topic = 'ORDER_UNKNOWN' ORDER BY outbox_id DESC")
    assert "after all" in raised[0]["payload"]["message"]


async def test_a_raising_adapter_leaves_the_order_unknown(engine: Engine, broker: ScriptedBroker) -> None:
    async def raising(ticket: OrderTicket) -> Outcome:
        broker.accept(ticket)
        raise SessionExpiredError("AG8001")

    logins = broker.logins
    broker.placements.append(raising)
    order = await engine.place()
    await engine.wait_for(order.order_id, "OPEN")
    assert broker.logins == logins + 1
    assert len(broker.sent) == 1


async def test_a_restart_continues(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        resting, half, cancelling = [await first.place(request_id=f"r{n}") for n in range(3)]
        ids = [await first.accepted(order) for order in (resting, half, cancelling)]
        broker.fill(ids[1], 5, "1400")
        await first.wait_for(half.order_id, "PARTIALLY_FILLED")
    broker.fill(ids[1], 10, "1401", stream=False)  # while nobody listens
    broker.fill(ids[0], 1, "1399", stream=False)
    async with running_engine(database, broker, owner="engine-1") as second:
        await second.wait_for(half.order_id, "FILLED", average_price=Decimal(1401))
        await second.wait_for(resting.order_id, "PARTIALLY_FILLED")
        await second.cancel(cancelling.order_id)
        await second.wait_for(cancelling.order_id, "CANCELLED")
        assert (await second.place(request_id="r0")).order_id == resting.order_id
    trades = await second.rows(
        "SELECT quantity, price FROM trades WHERE order_id = $1 ORDER BY trade_id", half.order_id
    )
    assert sorted((t["quantity"], t["price"]) for t in trades) == [(5, Decimal(1400)), (5, Decimal(1402))]
    total = await second.rows("SELECT buy_quantity, buy_value FROM positions")
    assert total == [{"buy_quantity": 11, "buy_value": Decimal(14_010 + 1_399)}]
    assert len(broker.sent) == 3


async def test_what_waited_to_be_sent_is_handed_back_at_the_next_start(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    paced = replace(FAST, pacer=PacerSettings(limit=1, window_seconds=60))
    async with running_engine(database, broker, settings=paced) as first:
        await first.accepted(await first.place())
        waiting = await first.place()
        assert waiting.state == "PENDING_SUBMIT"
    async with running_engine(database, broker) as second:
        ended = await second.wait_for(waiting.order_id, "NOT_PLACED")
        assert ended.reason == "ENGINE_RESTARTED"
    assert len(broker.sent) == 1


async def test_a_cancel_that_was_asked_for_is_asked_again_after_a_restart(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    paced = replace(FAST, pacer=PacerSettings(limit=1, window_seconds=60))
    async with running_engine(database, broker, settings=paced) as first:
        order = await first.place()
        await first.accepted(order)
        await first.cancel(order.order_id)  # no room to send it
    assert broker.cancels_sent == []
    async with running_engine(database, broker) as second:
        await second.wait_for(order.order_id, "CANCELLED")


async def test_an_order_of_an_earlier_day_that_the_book_does_not_show_has_expired(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        order, other = await first.place(), await first.place()
        await first.accepted(order)
        await first.accepted(other)
    yesterday = SystemClock().now() - timedelta(days=1)
    await database.pool.execute("UPDATE orders SET submitted_at = $1", yesterday)
    await database.pool.execute("UPDATE orders SET state = 'UNKNOWN' WHERE order_id = $1", other.order_id)
    broker.book.clear()
    async with running_engine(database, broker) as second:
        assert (await second.wait_for(order.order_id, "EXPIRED")).reason == "DAY_ENDED"
        assert (await second.wait_for(other.order_id, "EXPIRED")).reason == "UNKNOWN_AT_DAY_END"


async def test_orders_with_any_tag_that_is_not_ours_are_external(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    broker.accept(ticket_of("manual"))
    broker.accept(ticket_of(Tags("ACC2", b"t" * 32).of("ord-9")))  # of another account
    broker.accept(ticket_of(Tags(ACCOUNT, b"t" * 32).of("ord-9")))  # ours by the check, and unknown to PostgreSQL
    async with running_engine(database, broker) as engine:
        broker.report("261122000000001", status=ReportStatus.CANCELLED)
        await engine.accepted(await engine.place())
        origins = await engine.rows("SELECT origin, count(*) AS orders FROM orders GROUP BY 1 ORDER BY 1")
        assert origins == [{"origin": "CALLER", "orders": 1}, {"origin": "EXTERNAL", "orders": 3}]
        await engine.wait_for(f"ext-{ACCOUNT}-261122000000001", "CANCELLED")


async def test_a_refused_login_closes_the_gate_in_the_brokers_words(database: Database, broker: ScriptedBroker) -> None:
    await add_account(database)
    broker.login_errors.extend([LoginRefusedError("AB1050: Invalid totp")] * 2)
    slow = replace(FAST, recovery=replace(FAST.recovery, refused_login_seconds=0.3))
    async with running_engine(database, broker, settings=slow, wait=False) as engine:
        await eventually(lambda: broker.logins == 1)

        await eventually(lambda: _closed_because(engine, "AB1050: Invalid totp"))
        with pytest.raises(PreconditionError, match="AB1050") as refused:
            await engine.place()
        assert refused.value.reason == "GATE_CLOSED"
        await engine.wait_until_open()
        assert broker.logins == 3
        topics = [row["topic"] for row in await engine.rows("SELECT topic FROM outbox ORDER BY outbox_id")]
        assert topics == ["BROKER_LOGIN_FAILED", "ACCOUNT_GATE_OPEN"]  # told once, not at every attempt


async def test_a_repeat_gets_its_order_even_while_the_gate_is_closed(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    async with running_engine(database, broker) as first:
        order = await first.place(request_id="r1")
    broker.login_errors.extend(BrokerError("unreachable") for _ in range(100))
    async with running_engine(database, broker, wait=False) as second:
        assert (await second.place(request_id="r1")).order_id == order.order_id
        await eventually(lambda: second.management is not None)
        assert (await second.place(request_id="r1")).order_id == order.order_id
        with pytest.raises(PreconditionError, match="cannot trade now"):
            await second.place(request_id="r2")


async def test_a_session_that_is_renewed_at_once_alarms_nobody(engine: Engine, broker: ScriptedBroker) -> None:
    broker.expire_session()
    broker.push(StreamLost("401"))
    await eventually(lambda: broker.logins == 2)
    await engine.wait_until_open()
    topics = [row["topic"] for row in await engine.rows("SELECT topic FROM outbox ORDER BY outbox_id")]
    assert topics == ["ACCOUNT_GATE_OPEN", "BROKER_SESSION_EXPIRED"]  # which is good to know, and no alarm


async def test_what_was_not_sent_has_the_session_looked_at(engine: Engine, broker: ScriptedBroker) -> None:
    async def not_sent(ticket: OrderTicket) -> Outcome:
        return NotSent("there is no valid broker session")

    broker.expire_session()
    broker.placements.append(not_sent)
    await engine.place()
    await eventually(lambda: broker.logins == 2)
    await engine.wait_until_open()


async def test_an_expired_session_is_renewed_with_the_gate_closed_meanwhile(
    engine: Engine, broker: ScriptedBroker
) -> None:
    order = await engine.place()
    broker_order_id = await engine.accepted(order)
    broker.login_errors.append(BrokerError("unreachable"))
    broker.expire_session()
    broker.fill(broker_order_id, 10, "1400", stream=False)
    await engine.wait_for(order.order_id, "FILLED")
    await engine.wait_until_open()
    assert broker.logins == 3
    topics = [row["topic"] for row in await engine.rows("SELECT topic FROM outbox WHERE topic LIKE 'ACC%'")]
    assert topics == ["ACCOUNT_GATE_OPEN", "ACCOUNT_GATE_CLOSED", "ACCOUNT_GATE_OPEN"]
    expired = await engine.rows("SELECT payload FROM outbox WHERE topic = 'BROKER_SESSION_EXPIRED'")
    assert [row["payload"]["data"] for row in expired] == [{"account_id": "ACC1"}]


async def test_an_account_that_is_set_up_wrongly_stays_closed_and_says_why(
    database: Database, broker: ScriptedBroker
) -> None:
    def refuse(account: object, epoch: int) -> ScriptedBroker:
        raise ConfigurationError("credentials:ACC1: cannot be unsealed")

    await add_account(database)
    async with running_engine(database, broker, wait=False, make_broker=refuse) as engine:
        await eventually(lambda: _closed_because(engine, "cannot be unsealed"))
        with pytest.raises(UnavailableError, match="not run by this engine"):
            await engine.place()


async def _closed_because(engine: Engine, reason: str) -> bool:
    rows = await engine.rows("SELECT gate, gate_reason FROM account_leases")
    return bool(rows) and rows[0]["gate"] == "CLOSED" and reason in rows[0]["gate_reason"]


async def test_a_long_book_that_is_new_to_us_is_committed_in_portions(
    database: Database, broker: ScriptedBroker
) -> None:
    await add_account(database)
    for number in range(1_200):
        broker.accept(replace(ticket_of(f"app-{number}"), quantity=1))
    async with running_engine(database, broker) as engine:
        (rows,) = await engine.rows("SELECT count(*) AS n, count(DISTINCT xmin::text) AS commits FROM orders")
    assert rows["n"] == 1_200
    assert rows["commits"] >= 3
