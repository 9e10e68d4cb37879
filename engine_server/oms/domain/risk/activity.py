"""How busy a strategy or an account has been: counters that the single writer holds, rebuilt from its orders at start."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from engine_server.oms.records import OrderRecord
from tradewinds.clock import day_key

REMEMBERED = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Intent:
    """What was asked for once, and passed."""

    order_id: str
    at: datetime
    config_id: str | None
    instrument: str
    side: str
    quantity: int
    product: str
    price: Decimal | None
    is_exit: bool


@dataclass
class Activity:
    """The intents of the last ten minutes, oldest first, and the day's orders and trades by strategy."""

    intents: deque[Intent] = field(default_factory=deque)
    day: str = ""
    orders: dict[str | None, int] = field(default_factory=dict)
    trades: dict[str | None, int] = field(default_factory=dict)

    def count(self, intent: Intent) -> None:
        """A new order was committed; one that was denied never went anywhere and is not counted."""
        self._turn_to(intent.at)
        self.orders[intent.config_id] = self.orders.get(intent.config_id, 0) + 1
        self.intents.append(intent)
        while self.intents and intent.at - self.intents[0].at > REMEMBERED:
            self.intents.popleft()

    def count_trade(self, config_id: str | None) -> None:
        """A trade was committed."""
        self.trades[config_id] = self.trades.get(config_id, 0) + 1

    def orders_of(self, config_id: str | None) -> int:
        """Of a strategy today; of the account for None."""
        return self.orders.get(config_id, 0) if config_id is not None else sum(self.orders.values())

    def trades_of(self, config_id: str | None) -> int:
        """Of a strategy today; of the account for None."""
        return self.trades.get(config_id, 0) if config_id is not None else sum(self.trades.values())

    def _turn_to(self, moment: datetime) -> None:
        if (day := day_key(moment)) > self.day:
            self.day = day
            self.orders.clear()
            self.trades.clear()


@dataclass(frozen=True)
class RecentIntents:
    """What the rules see of it: committed intents and those of the same batch."""

    committed: Sequence[Intent] = ()
    batch: Sequence[Intent] = ()

    def within(self, seconds: float, now: datetime) -> Iterator[Intent]:
        """Newest first."""
        yield from reversed(self.batch)
        for intent in reversed(self.committed):
            if (now - intent.at).total_seconds() > seconds:
                return
            yield intent


def intent_of(order: OrderRecord) -> Intent:
    """An order as an intent."""
    return Intent(
        order.order_id,
        order.created_at,
        order.config_id,
        order.instrument,
        order.side,
        order.quantity,
        order.product,
        order.price,
        order.is_exit,
    )
