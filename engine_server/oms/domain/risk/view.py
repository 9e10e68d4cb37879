"""Everything that the rules judge an order by, made once for each order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.kill_switch import Restriction
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.risk.activity import RecentIntents
from engine_server.oms.domain.risk.exposure import Exposure
from engine_server.oms.domain.risk.limits import LimitsInForce
from engine_server.oms.domain.working_orders import WorkingOrders

_EMPTY = Exposure((), WorkingOrders())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RiskView:
    """`book` is the strategy's own, or the account's for a person's order. Rules meant for entries do not see
    an exit. `now` is real time, `market_now` the broker's.
    """

    book: Exposure = _EMPTY
    account: Exposure = _EMPTY
    limits: LimitsInForce = field(default_factory=LimitsInForce)
    restriction: Restriction | None = None
    intents: RecentIntents = field(default_factory=RecentIntents)
    orders_today: int = 0
    trades_today: int = 0
    quote: Quote | None = None
    unit_margin: Decimal | None = None  # rupees that one unit of the order blocks at the broker; None: not known
    available_margin: Decimal | None = None
    reconciling: str = ""  # why nobody knows for sure what is open now
    is_exit: bool = False
    now: datetime = _EPOCH
    market_now: datetime = _EPOCH


Rule = Callable[[PlaceOrder, RiskView], Denial | None]
