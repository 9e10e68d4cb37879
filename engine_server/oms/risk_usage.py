"""How much of each limit is used now, from what PostgreSQL has: any engine can say it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine_server.oms.domain.risk.exposure import Exposure, gross_exposure, net_exposure, open_order_value
from engine_server.oms.domain.risk.limits import LimitName, Scope
from engine_server.oms.domain.states import OrderState
from engine_server.oms.queries import OrderQueries
from engine_server.oms.risk_subjects import Subject


async def usage_of(queries: OrderQueries, subject: Subject) -> Mapping[LimitName, Decimal]:
    """Of an account or a strategy; a global limit holds for each account, so it has none of its own."""
    if subject.scope is Scope.GLOBAL:
        return {}
    if subject.scope is Scope.STRATEGY:
        working = await queries.working_orders(subject.subject_id)
        positions = await queries.strategy_positions(subject.subject_id)
    else:
        _, working = await queries.snapshot(subject.account_id)
        positions = await queries.account_positions([subject.account_id])
    exposure = Exposure(positions, working)
    return {
        LimitName.MAX_OPEN_ORDER_VALUE: open_order_value(exposure),
        LimitName.MAX_GROSS_EXPOSURE: gross_exposure(exposure),
        LimitName.MAX_NET_EXPOSURE: net_exposure(exposure),
        LimitName.MAX_OPEN_ORDERS: Decimal(len(working)),
        LimitName.MAX_UNKNOWN_ORDERS: Decimal(sum(1 for order in working if order.state is OrderState.UNKNOWN)),
    }
