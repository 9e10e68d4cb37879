"""How much of each limit is used now, from what PostgreSQL has: any engine can say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal

from engine_server.oms.domain.risk.exposure import Exposure, gross_exposure, net_exposure, open_order_value
from engine_server.oms.domain.risk.limits import LimitName, Scope
from engine_server.oms.domain.risk.losses import DayResult
from engine_server.oms.domain.risk.repetition import entries_without_exit
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.profit_store import ProfitStore
from engine_server.oms.queries import OrderQueries
from engine_server.oms.risk_subjects import Subject
from tradewinds.clock import IST


async def usage_of(
    queries: OrderQueries, profit: ProfitStore, subject: Subject, today: date
) -> Mapping[LimitName, Decimal]:
    """Of an account or a strategy; a global limit holds for each account, so it has none of its own."""
    if subject.scope is Scope.GLOBAL:
        return {}
    if subject.scope is Scope.STRATEGY:
        working = await queries.working_orders(subject.subject_id)
        positions = await queries.strategy_positions(subject.subject_id)
    else:
        _, working = await queries.snapshot(subject.account_id)
        positions = await queries.account_positions([subject.account_id])
    exposure = Exposure(positions, WorkingOrders(working))
    results = await profit.results(subject.account_id, today)
    result = results.get(subject.subject_id if subject.scope is Scope.STRATEGY else "", DayResult())
    is_strategy = subject.scope is Scope.STRATEGY
    begins = datetime.combine(today, time(), IST)
    last_minute, orders, trades = await queries.activity(
        subject.account_id, subject.subject_id if is_strategy else "", begins
    )
    own = await _of_strategy(queries, subject.subject_id, last_minute) if is_strategy else {}
    return {
        **own,
        LimitName.MAX_ORDERS_PER_TRADE: (Decimal(orders) / max(trades, 1)).quantize(Decimal("0.01")),
        LimitName.MAX_DAILY_LOSS: result.loss,
        LimitName.MAX_DRAWDOWN: result.drawdown,
        LimitName.MAX_OPEN_ORDER_VALUE: open_order_value(exposure),
        LimitName.MAX_GROSS_EXPOSURE: gross_exposure(exposure),
        LimitName.MAX_NET_EXPOSURE: net_exposure(exposure),
        LimitName.MAX_OPEN_ORDERS: Decimal(len(working)),
        LimitName.MAX_UNKNOWN_ORDERS: Decimal(len(exposure.working.unknown)),
    }


async def capital_of(queries: OrderQueries, subject: Subject) -> tuple[Decimal, Decimal] | None:
    """What a strategy was allocated, and its gross exposure: `capital_allocated` is a limit, though the configuration sets it. None
    without one, and for what is no strategy."""
    if subject.scope is not Scope.STRATEGY:
        return None
    capital = await queries.capital_allocated(subject.subject_id)
    if capital is None:
        return None
    positions = await queries.strategy_positions(subject.subject_id)
    working = WorkingOrders(await queries.working_orders(subject.subject_id))
    return capital, gross_exposure(Exposure(positions, working))


async def _of_strategy(queries: OrderQueries, config_id: str, last_minute: int) -> Mapping[LimitName, Decimal]:
    repeated = entries_without_exit(await queries.recent_intents(config_id))
    return {
        LimitName.MAX_ORDERS_PER_MINUTE: Decimal(last_minute),
        LimitName.MAX_REPEATED_ENTRIES: Decimal(max(repeated.values(), default=0)),
    }
