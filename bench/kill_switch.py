"""The kill switch of an account with two hundred orders resting: until no order is admitted any more, and until all are cancelled.

The order management over a real PostgreSQL on a disk, a scripted broker, the broker's own rate of nine messages a second. The ceiling
of the second number is that rate alone.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Final

from bench.result import Result
from bench.stores import database_on_disk
from engine_server.broker.port import ReportStatus
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.parts import OmsSettings
from tests.integration.oms.engine import ACCOUNT, Engine, add_account, running_engine
from tests.support.waiting import eventually
from tradewinds.database.session import Database

_RESTING, _CALLERS = 200, 8
_LIFTED: Final = OmsSettings(pacer=PacerSettings(limit=1_000))
_PACED: Final = OmsSettings()
_ENGAGE: Final = """
INSERT INTO kill_switches (kill_id, scope, subject_id, account_id, action, reason, engaged_by)
VALUES ('bench', 'ACCOUNT', $1, $1, 'CANCEL_ALL', 'bench', 'bench')
"""


async def run() -> list[Result]:
    """Milliseconds until admission stops; seconds until the broker has no open order."""
    async with database_on_disk() as database:
        await add_account(database)
        return await _measured(database, ScriptedBroker())


async def _measured(database: Database, broker: ScriptedBroker) -> list[Result]:
    async with running_engine(database, broker, owner="before", settings=_LIFTED, ttl_seconds=10) as engine:
        await asyncio.gather(*(engine.place(price=Decimal("1300.00")) for _ in range(_RESTING)))
        await eventually(lambda: len(broker.book) == _RESTING, timeout=20, what="all rest at the broker")
    async with running_engine(database, broker, owner="after", settings=_PACED, ttl_seconds=10) as engine:
        started = time.perf_counter()
        await database.pool.execute(_ENGAGE, ACCOUNT)
        stopped = await _denied(engine) - started
        await eventually(lambda: _open_orders(broker) == 0, timeout=60, interval=0.02, what="nothing is open")
        cancelled = time.perf_counter() - started
    return [
        Result("kill_switch.admission_stops", stopped * 1e3, "ms", "< 250"),
        Result("kill_switch.200_orders_cancelled", cancelled, "s", "< 26", _RESTING / PacerSettings().limit),
    ]


async def _denied(engine: Engine) -> float:
    """When the first order was denied; callers ask on until then."""

    async def until_denied() -> float:
        while True:
            order = await engine.place(price=Decimal("1300.00"))
            if order.reason == "TRADING_HALTED":
                return time.perf_counter()

    return max(await asyncio.gather(*(until_denied() for _ in range(_CALLERS))))


def _open_orders(broker: ScriptedBroker) -> int:
    return sum(report.status is ReportStatus.WORKING for report in broker.book.values())
