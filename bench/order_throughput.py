"""What one account's order management admits in a second.

It is the OMS of an engine over a real PostgreSQL on a disk, with 200 orders resting; its broker is a scripted one that refuses what comes
beyond at once, which is committed too. The ceiling, in the same run: the very statement that the writer commits its batches with, as
large as its batches were, one after the other, made beforehand.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from bench.result import Result
from bench.stores import database_on_disk
from engine_server.broker.port import OrderTicket, Outcome, Refused
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms import journal, statements
from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.events import EventKind
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.parts import OmsSettings
from tests.integration.oms.engine import ACCOUNT, Engine, add_account, running_engine
from tests.unit.oms.orders import order_record
from tradewinds.database.session import Database

_ADMITTED, _CALLERS = 3_000, 64
_RESTING = 200  # as many as an account may have open
_LIFTED: Final = OmsSettings(pacer=PacerSettings(limit=100_000))
_NOW: Final = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
_COMMITS: Final = "SELECT count(DISTINCT xmin::text) FROM order_events WHERE kind = 'PLACED'"
_TAKE_LEASE: Final = """
UPDATE account_leases SET owner_id = 'raw', epoch = epoch + 1, expires_at = now() + interval '1 hour' RETURNING epoch
"""
_FREE_LEASE: Final = "UPDATE account_leases SET expires_at = now()"


async def run() -> list[Result]:
    """Orders a second."""
    async with database_on_disk() as database:
        await add_account(database)
        admitted, raw = await _admission(database)
    return [
        Result("order.admitted_by_one_account", admitted, "orders/s", ">= 1000, >= 0.5 of the statement", raw),
    ]


async def _admission(database: Database) -> tuple[float, float]:
    """Orders admitted a second; and the same orders' statement alone, in batches as large as the writer's were."""
    broker = ScriptedBroker()
    async with running_engine(database, broker, settings=_LIFTED, ttl_seconds=60) as engine:
        await _per_second(engine, _RESTING, _CALLERS)
        broker.placements.extend([_refuse] * (_ADMITTED + _CALLERS))
        admitted = await _per_second(engine, _ADMITTED, _CALLERS)
    commits = await database.pool.fetchval(_COMMITS)
    return admitted, await _raw(database, round(_ADMITTED / commits))


async def _refuse(_ticket: OrderTicket) -> Outcome:
    return Refused("AB4036", "enough")


async def _per_second(engine: Engine, orders: int, callers: int) -> float:
    """Orders committed a second, so many callers at a time. They rest in the book and are small: no rule is in their way."""
    numbers = iter(range(orders))

    async def caller() -> None:
        for number in numbers:
            order = await engine.place(request_id=f"throughput-{orders}-{number}", price=Decimal("1300.00"))
            assert order.state != "DENIED", order

    started = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return orders / (time.perf_counter() - started)


async def _raw(database: Database, size: int) -> float:
    """Orders a second that the writer's statement alone commits, `size` at a time."""
    sequence = await database.pool.fetchval(statements.LAST_SEQUENCE, ACCOUNT)
    batches = [placements(sequence + number * size, number, size) for number in range(_ADMITTED // size)]
    async with database.pool.acquire() as connection:
        await connection.execute(statements.PLAN_BY_KEY)
        epoch = await connection.fetchval(_TAKE_LEASE)
        started = time.perf_counter()
        for batch in batches:
            row = await connection.fetchrow(statements.COMMIT, ACCOUNT, "raw", epoch, *batch)
            assert row is not None
            assert row["leased"], row
            assert not row["taken"], row
        seconds = time.perf_counter() - started
        await connection.execute(_FREE_LEASE)
    return size * len(batches) / seconds


def placements(
    sequence: int, number: int, size: int, now: datetime = _NOW, state: OrderState = OrderState.SUBMITTING
) -> Sequence[Any]:
    """What the writer would commit with for `size` new orders."""
    account = AccountState(ACCOUNT, sequence=sequence)
    draft = Draft(account, now=now, market_now=now, monotonic=0.0, permits=size)
    for one in range(size):
        name = f"raw-{number}-{one}"
        order = order_record(
            order_id=name,
            intent_id=name,
            request_id=name,
            request_key=f"user:asha/{name}",
            tag=name,
            broker_order_id=name if state.is_terminal else None,
            unique_order_id=f"u-{name}" if state.is_terminal else None,
            submitted_at=now,
            state=state,
            created_at=now,
            updated_at=now,
        )
        after = {"instrument": order.instrument, "side": order.side, "quantity": order.quantity, "price": order.price}
        draft.admit(order, EventKind.PLACED, AuditRow("asha", "order.place", name, "", after))
    return journal._arguments(draft, ())
