"""What one account's order management admits in a second.

It is the OMS of an engine over a real PostgreSQL on a disk, with 200 orders resting; its broker is a scripted one that refuses what comes
beyond at once, which is committed too. The ceiling, in the same run: the very statements that the writer committed meanwhile, with the
same rows in the same batches, made beforehand and run one after the other in a second such database. Both take turns, and the medians
are told: from one second to the next a machine that others use too may be half as fast.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Any, Final

from bench.result import Result
from bench.stores import database_on_disk
from engine_server.broker.port import OrderTicket, Outcome, Refused
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.journal import plan
from engine_server.oms.order_management import OrderManagement
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.parts import OmsSettings
from tests.integration.oms.engine import ACCOUNT, Engine, add_account, running_engine
from tests.support.waiting import eventually
from tradewinds.database.connecting import to_json
from tradewinds.database.session import Database

_TURNS: Final = 3
_ADMITTED, _CALLERS = 2_000, 64
_RESTING = 200  # as many as an account may have open
_LIFTED: Final = OmsSettings(pacer=PacerSettings(limit=100_000))
_TAKE_LEASE: Final = """
INSERT INTO account_leases (account_id, owner_id, owner_address, epoch, expires_at)
VALUES ($1, 'raw', '', 1, now() + interval '1 hour')
"""


@dataclass(frozen=True)
class _Committed:
    """A statement of the writer and its parameters after the lease; an empty one separates what rests from what is measured."""

    statement: str
    arguments: Sequence[Any]


async def run() -> list[Result]:
    """Orders a second."""
    admitted, raw = zip(*[await _turn() for _ in range(_TURNS)], strict=True)
    target = ">= 1000, >= 0.5 of the statement"
    return [Result("order.admitted_by_one_account", median(admitted), "orders/s", target, median(raw))]


async def _turn() -> tuple[float, float]:
    async with database_on_disk() as database:
        await add_account(database)
        admitted, commits = await _admission(database)
    async with database_on_disk() as database:
        await add_account(database)
        return admitted, await _raw(database, commits)


async def _admission(database: Database) -> tuple[float, list[_Committed]]:
    """Orders admitted a second; and everything that was committed for them, and for those that rest before."""
    broker, commits = ScriptedBroker(), list[_Committed]()
    async with (
        running_engine(database, broker, settings=_LIFTED, ttl_seconds=60) as engine,
        _recording(engine, commits),
    ):
        await _per_second(engine, _RESTING, _CALLERS)
        await eventually(lambda: all(order.broker_order_id for order in _working(engine)), what="all rest")
        commits.append(_Committed("", ()))
        broker.placements.extend([_refuse] * (_ADMITTED + _CALLERS))
        admitted = await _per_second(engine, _ADMITTED, _CALLERS)
    return admitted, commits


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


@asynccontextmanager
async def _recording(engine: Engine, commits: list[_Committed]) -> AsyncIterator[None]:
    """Whatever the account's writer commits meanwhile."""
    connection = _management(engine)._journal._connection

    def note(query: Any) -> None:
        if query.query.lstrip().startswith("WITH lease"):
            commits.append(_Committed(query.query, query.args[3:]))  # after the lease

    connection.add_query_logger(note)
    try:
        yield
    finally:
        connection.remove_query_logger(note)


async def _raw(database: Database, commits: Sequence[_Committed]) -> float:
    """Orders a second of the same commits, one after the other, by a client that does nothing else."""
    (begin,) = (number for number, commit in enumerate(commits) if not commit.statement)
    resting, measured = ([_encoded(commit) for commit in part] for part in (commits[:begin], commits[begin + 1 :]))
    await database.pool.execute(_TAKE_LEASE, ACCOUNT)
    async with database.pool.acquire() as connection:
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
        await plan(connection)
        for commit in resting:
            await _commit(connection, commit)
        started = time.perf_counter()
        for commit in measured:
            await _commit(connection, commit)
        return _ADMITTED / (time.perf_counter() - started)


async def _commit(connection: Any, commit: _Committed) -> None:
    row = await connection.fetchrow(commit.statement, ACCOUNT, "raw", 1, *commit.arguments)
    assert row["leased"], row
    assert not row["taken"], row


def _encoded(commit: _Committed) -> _Committed:
    fences, keys, *rows = commit.arguments
    return _Committed(commit.statement, (to_json(fences), keys, *map(to_json, rows)))


def _management(engine: Engine) -> OrderManagement:
    assert engine.management is not None
    return engine.management


def _working(engine: Engine) -> WorkingOrders:
    state = _management(engine)._state
    assert state is not None
    return state.working
