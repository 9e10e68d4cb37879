"""The OMS of one engine over a real PostgreSQL and a scripted broker, with bounds shrunk to fractions of a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine_server.broker.fence import FenceReport, FenceUnreachableError
from engine_server.broker.port import Broker
from engine_server.broker.scripted import ScriptedBroker
from engine_server.egress.fences import Fence as RaisedFence
from engine_server.egress.fences import Fences
from engine_server.oms.account_lease import LeaseOwner
from engine_server.oms.directory import Account, Caller
from engine_server.oms.domain.commands import CancelOrder, Denial, OrderRequest
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.resolution import ResolutionBounds
from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.fencing import Fence
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.order_management import OrderManagement
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.parts import OmsParts, OmsSettings
from engine_server.oms.ports import Quotes
from engine_server.oms.positions_check import PositionsCheck
from engine_server.oms.queries import OrderQueries
from engine_server.oms.records import OrderRecord
from engine_server.oms.recovery_settings import RecoverySettings
from engine_server.oms.registry import AccountRegistry
from engine_server.oms.risk_board import StoredRiskBoard
from engine_server.oms.risk_decisions import DecisionPolicy
from tests.support.waiting import eventually
from tests.unit.oms.orders import NIFTY, NIFTY_FUTURE, RELIANCE, order_request
from tradewinds.clock import MarketClock, SystemClock
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.ids import new_id
from tradewinds.instruments import Instrument, resolve

ACCOUNT = "ACC1"
FRESH = Quote(last=Decimal(1400), bid=Decimal(1399), ask=Decimal(1400), age_seconds=0.1)
ASHA = Caller("asha")
RUNNER = Caller("runner-0", is_runner=True)
FAST = OmsSettings(
    profit_seconds=0.1,
    pacer=PacerSettings(limit=1_000),
    mind_seconds=0.05,
    square_off_seconds=0.05,
    reconcile_wait_seconds=0.1,
    recovery=RecoverySettings(
        sweep_seconds=0.2,
        unknown_seconds=0.05,
        refused_login_seconds=0.1,
        retry_seconds=0.05,
        bounds=ResolutionBounds(minimum_seconds=0.4, minimum_reads=3),
    ),
)


class FixedInstruments:
    """Three instruments."""

    ready = True
    by_key = {i.key: i for i in (RELIANCE, NIFTY, NIFTY_FUTURE)}  # noqa: RUF012 - never changed

    def resolve(self, text: str) -> Instrument:
        return resolve(text, self.by_key)

    def by_token(self, exchange: str, token: str) -> Instrument | None:
        return next((i for i in self.by_key.values() if (i.exchange, i.token) == (exchange, token)), None)


@dataclass
class FixedQuotes:
    """The quote that the test says; fresh and at the usual price of its orders without."""

    last: Quote | None = FRESH

    async def quote(self, instrument: str) -> Quote | None:
        return self.last


class MemoryFence:
    """The egress's own fences, without the egress."""

    def __init__(self) -> None:
        self.fences = Fences(None)
        self.away = False

    async def raise_to(self, account_id: str, epoch: int, owner: str = "engine-a") -> FenceReport:
        if self.away:
            raise FenceUnreachableError("the egress is away")
        self.fences.raise_to(account_id, RaisedFence(epoch, owner))
        return FenceReport(epoch, 0, 0)


@dataclass
class FixedIntraday:
    """The day goes on, unless the test says why not."""

    over: str = ""

    def over_because(self, instrument: Instrument) -> str:
        return self.over


@dataclass
class FixedMarket:
    """Open, unless the test says why not."""

    closed_because: Denial | None = None

    def no_entry(self, request: OrderRequest, instrument: Instrument) -> Denial | None:
        return self.closed_because


@dataclass
class Engine:
    """One engine's registry and what tests want to look at."""

    database: Database
    broker: ScriptedBroker
    registry: AccountRegistry
    event_log: OrderEventLog
    queries: OrderQueries
    quotes: FixedQuotes
    market: FixedMarket
    intraday: FixedIntraday
    owner: str
    outbox_wakes: list[None] = field(default_factory=list)
    reconciled: list[dict[str, int]] = field(default_factory=list)  # what strategies were told each time

    async def place(self, caller: Caller = ASHA, **changes: Any) -> OrderRecord:
        """Place; the request id is new unless given."""
        request = order_request(**{"request_id": new_id("req"), **changes})
        return await self.registry.place(request, caller)

    async def place_for(self, config_id: str, epoch: int, **changes: Any) -> OrderRecord:
        """Place as a strategy."""
        return await self.place(RUNNER, actor=f"config:{config_id}", config_id=config_id, epoch=epoch, **changes)

    async def cancel(self, order_id: str, caller: Caller = ASHA, **changes: Any) -> OrderRecord:
        return await self.registry.cancel(CancelOrder(order_id=order_id, actor=caller.subject, **changes), caller)

    async def order(self, order_id: str) -> OrderRecord:
        order = await self.queries.order(order_id)
        assert order is not None
        return order

    async def wait_for(self, order_id: str, state: str, **facts: Any) -> OrderRecord:
        """Wait until the stored order is in `state` and has these facts."""

        async def reached() -> OrderRecord | None:
            order = await self.order(order_id)
            assert order.state == state, order
            assert all(getattr(order, name) == value for name, value in facts.items()), order
            return order

        found = await eventually(reached, what=f"{order_id} is {state} {facts}")
        assert found is not None
        return found

    async def accepted(self, order: OrderRecord) -> str:
        """The broker's id of an order once it is OPEN."""
        broker_order_id = (await self.wait_for(order.order_id, "OPEN")).broker_order_id
        assert broker_order_id
        return broker_order_id

    @property
    def management(self) -> OrderManagement | None:
        return self.registry.owned(ACCOUNT)

    async def wait_until_open(self) -> None:
        await eventually(lambda: self.management is not None and self.management.gate.is_open, what="the gate opens")

    async def rows(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.database.pool.fetch(sql, *arguments)]


@asynccontextmanager
async def running_engine(
    database: Database,
    broker: ScriptedBroker,
    *,
    owner: str = "engine-0",
    address: str = "127.0.0.1:1",
    settings: OmsSettings = FAST,
    ttl_seconds: float = 1.2,
    wait: bool = True,
    make_broker: Callable[[Account, int], Broker] | None = None,
    fence: Fence | None = None,
    instruments: FixedInstruments | None = None,
    market_clock: MarketClock | None = None,
    published: Quotes | None = None,
) -> AsyncIterator[Engine]:
    """An engine that runs until the block is left, then stops in order. Its quotes are `published`, else what the test says."""
    instruments, quotes, market, wakes = instruments or FixedInstruments(), FixedQuotes(), FixedMarket(), list[None]()
    intraday = FixedIntraday()
    event_log, board = OrderEventLog(database), StoredRiskBoard(database)
    reconciled: list[dict[str, int]] = []

    async def tell_reconciled(_account_id: str, sequences: Mapping[str, int]) -> None:
        reconciled.append(dict(sequences))

    parts = OmsParts(
        database=database,
        event_log=event_log,
        clock=SystemClock(),
        market_clock=market_clock or MarketClock(),
        new_id=new_id,
        tag_key=b"t" * 32,
        wake_outbox=lambda: wakes.append(None),
        compare_positions=PositionsCheck(instruments.by_token),
        tell_reconciled=tell_reconciled,
        board=board,
        desk=KillDesk(database, fence or MemoryFence(), SystemClock(), new_id, DecisionPolicy(1, 0.2)),
        instruments=instruments,
        quotes=published or quotes,
        intraday=intraday,
        settings=settings,
    )
    registry = AccountRegistry(
        parts,
        LeaseOwner(owner, address),
        LeaseSettings(ttl_seconds=ttl_seconds),
        fence or MemoryFence(),
        make_broker or (lambda account, epoch: broker),
        instruments,
        published or quotes,
        market,
    )
    engine = Engine(
        database,
        broker,
        registry,
        event_log,
        OrderQueries(database),
        quotes,
        market,
        intraday,
        owner,
        wakes,
        reconciled,
    )
    running = [
        asyncio.create_task(registry.run(), name=f"registry {owner}"),
        asyncio.create_task(board.follow(), name=f"risk board {owner}"),
    ]
    try:
        if wait:
            await engine.wait_until_open()
        yield engine
        for task in running:
            if task.done():
                task.result()
    finally:
        for task in running:
            task.cancel()
        for task in running:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def add_account(database: Database, account_id: str = ACCOUNT, user_id: str = "asha") -> None:
    await database.pool.execute(
        "INSERT INTO users (user_id, display_name) VALUES ($1, $1) ON CONFLICT DO NOTHING", user_id
    )
    await database.pool.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ($1, $2, 'C1', '')",
        account_id,
        user_id,
    )
    # Tests of the order life repeat the same order at prices of their own; tests of the limits set them.
    await database.pool.execute(
        """
        INSERT INTO risk_limits (scope, subject_id, name, value)
        VALUES ('ACCOUNT', $1, 'max_open_orders', 10000),
               ('GLOBAL', '', 'duplicate_window_seconds', 0), ('GLOBAL', '', 'collar_percent', 100000),
               ('GLOBAL', '', 'max_order_value', 10000000000)
        ON CONFLICT DO NOTHING
        """,
        account_id,
    )


async def add_strategy(
    database: Database, config_id: str = "momo", *, epoch: int = 1, capital: Decimal | None = None
) -> None:
    """A configuration that a runner holds at `epoch`."""
    config = {} if capital is None else {"capital_allocated": str(capital)}
    await database.pool.execute(
        """
        INSERT INTO strategy_configs (config_id, user_id, account_id, module_path, class_name, config)
        VALUES ($1, 'asha', $2, 'strategies.momo', 'Momo', $3)
        """,
        config_id,
        ACCOUNT,
        config,
    )
    await database.pool.execute(
        "INSERT INTO assignments (config_id, runner_id, instance_id, epoch) VALUES ($1, 'r0', 'i0', $2)",
        config_id,
        epoch,
    )


def request_of(order: OrderRecord) -> OrderRequest:
    """The request that made an order, again."""
    return order_request(request_id=order.request_id)
