"""How soon an account that had ten thousand orders today may trade again: lease, fence, load, login, books, reconciliation, gate.

PostgreSQL is a real one on a disk. The broker is a scripted one whose book has all the orders: what a broker takes to send ten
megabytes over the network is not in it. Beside it the ceiling: the same rows read and made into records, and nothing else.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from bench.result import Result
from bench.stores import database_on_disk
from engine_server.broker.port import OrderReport, ReportStatus
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms import statements
from engine_server.oms.account_state import KEEP_ENDED, AccountState
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft
from engine_server.oms.events import EventKind
from engine_server.oms.journal import Commit, commit_of, order_record
from engine_server.oms.parts import OmsSettings
from tests.integration.oms.engine import ACCOUNT, add_account, running_engine
from tests.support.waiting import eventually
from tests.unit.oms.orders import RELIANCE
from tests.unit.oms.orders import order_record as an_order
from tradewinds.database.session import Database

_ORDERS, _BATCH = 10_000, 250
_OWNED: Final = """
INSERT INTO account_leases (account_id, owner_id, owner_address, epoch, expires_at)
VALUES ($1, 'raw', '', 1, now() + interval '1 hour')
"""
_FREED: Final = "UPDATE account_leases SET expires_at = now()"


async def run() -> list[Result]:
    """Seconds from the start of an engine to the open gate."""
    async with database_on_disk() as database:
        await add_account(database)
        broker = ScriptedBroker()
        await _fill(database, broker)
        read = await _read(database)
        seconds = await _until_open(database, broker)
    return [Result("recovery.account_with_10000_orders", seconds, "s", "< 5", read)]


async def _fill(database: Database, broker: ScriptedBroker) -> None:
    """The day's orders, cancelled all, in our rows and in the broker's book."""
    now = datetime.now(UTC)
    async with database.pool.acquire() as connection:
        await connection.execute(_OWNED, ACCOUNT)
        await connection.execute(statements.PLAN_BY_KEY)
        for number in range(_ORDERS // _BATCH):
            batch = _placements(number * _BATCH, number, _BATCH, now)
            row = await connection.fetchrow(batch.statement, ACCOUNT, "raw", 1, *batch.arguments)
            assert row is not None
            assert row["leased"], row
        await connection.execute(_FREED)
    for row in await database.pool.fetch("SELECT tag, broker_order_id FROM orders"):
        broker.book[row["broker_order_id"]] = _report(row["broker_order_id"], row["tag"], now)


def _placements(sequence: int, number: int, size: int, now: datetime) -> Commit:
    """What the writer would commit for `size` new orders that were cancelled."""
    account = AccountState(ACCOUNT, sequence=sequence)
    draft = Draft(account, now=now, market_now=now, monotonic=0.0, permits=size)
    for one in range(size):
        name = f"raw-{number}-{one}"
        order = an_order(
            order_id=name,
            intent_id=name,
            request_id=name,
            request_key=f"user:asha/{name}",
            tag=name,
            broker_order_id=name,
            unique_order_id=f"u-{name}",
            submitted_at=now,
            state=OrderState.CANCELLED,
            created_at=now,
            updated_at=now,
        )
        after = {"instrument": order.instrument, "side": order.side, "quantity": order.quantity, "price": order.price}
        draft.admit(order, EventKind.PLACED, AuditRow("asha", "order.place", name, "", after))
    return commit_of(draft, ())


def _report(broker_order_id: str, tag: str, now: datetime) -> OrderReport:
    return OrderReport(
        broker_order_id=broker_order_id,
        unique_order_id=f"u-{broker_order_id}",
        tag=tag,
        exchange="NSE",
        token=RELIANCE.token,
        side="BUY",
        quantity=10,
        filled_quantity=0,
        average_price=Decimal(0),
        status=ReportStatus.CANCELLED,
        raw_status="cancelled",
        text="",
        updated_at=now,
    )


async def _read(database: Database) -> float:
    started = time.perf_counter()
    rows = await database.pool.fetch(statements.LOAD_ORDERS, ACCOUNT, KEEP_ENDED)
    records = [order_record(row) for row in rows]
    assert len(records) == _ORDERS
    return time.perf_counter() - started


async def _until_open(database: Database, broker: ScriptedBroker) -> float:
    started = time.perf_counter()
    async with running_engine(
        database, broker, owner="next", settings=OmsSettings(), ttl_seconds=10, wait=False
    ) as engine:

        def is_open() -> bool:
            return engine.management is not None and engine.management.gate.is_open

        await eventually(is_open, timeout=60, interval=0.005, what="the gate opens")
        return time.perf_counter() - started
