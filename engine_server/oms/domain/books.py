"""Books: what the trades of one instrument and product add up to, counted as the broker counts it.

Within a market day buys and sells are totalled and what is open costs the day's average of its side. At the turn of the
day the open quantity is carried at that cost and the totals begin anew (protocol §3.7, `cf*` and `buy*`/`sell*`); the
realised profit is kept. So net quantity and average agree with the broker's own positions on any day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine_server.oms.domain.fills import average_price
from engine_server.oms.records import ZERO, PositionRecord, TradeRecord
from tradewinds.clock import day_key

_QUANTUM = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class BookKey:
    """One line: `config_id` '' is the account's own total."""

    config_id: str
    instrument: str
    product: str


def keys_of(trade: TradeRecord) -> tuple[BookKey, ...]:
    """The lines that a trade changes: the account's total, and its strategy's."""
    total = BookKey("", trade.instrument, trade.product)
    return (total, replace(total, config_id=trade.config_id)) if trade.config_id else (total,)


@dataclass(frozen=True, slots=True)
class Book:
    """One line with the market day of its last trade (None before the first)."""

    position: PositionRecord
    last_traded_at: datetime | None = None

    def with_trade(self, trade: TradeRecord) -> Book:
        """Take one trade in."""
        begun = self._carried(trade.traded_at)
        value = trade.price * trade.quantity
        if trade.side == "BUY":
            legs = replace(begun, buy_quantity=begun.buy_quantity + trade.quantity, buy_value=begun.buy_value + value)
        else:
            legs = replace(
                begun, sell_quantity=begun.sell_quantity + trade.quantity, sell_value=begun.sell_value + value
            )
        return Book(_totalled(legs, earlier=begun), trade.traded_at)

    def realised_on(self, moment: datetime) -> Decimal:
        """Rupees realised on `moment`'s market day, at the averages of its totals; what was carried counts at its cost."""
        if self.last_traded_at is None or day_key(self.last_traded_at) != day_key(moment):
            return ZERO
        return _realised_today(self.position)

    def _carried(self, moment: datetime) -> PositionRecord:
        """The line at the beginning of `moment`'s market day; a report of an earlier day changes no day."""
        position, last = self.position, self.last_traded_at
        if last is None or day_key(moment) <= day_key(last):
            return position
        long, short = max(position.net_quantity, 0), max(-position.net_quantity, 0)
        cost = position.average_price or ZERO
        return replace(
            position,
            buy_quantity=long,
            buy_value=(cost * long).quantize(_QUANTUM),
            sell_quantity=short,
            sell_value=(cost * short).quantize(_QUANTUM),
        )


def empty_book(account_id: str, key: BookKey) -> Book:
    """A line without trades."""
    return Book(
        PositionRecord(account_id=account_id, config_id=key.config_id, instrument=key.instrument, product=key.product)
    )


def _totalled(legs: PositionRecord, earlier: PositionRecord) -> PositionRecord:
    net = legs.buy_quantity - legs.sell_quantity
    average = None
    if net > 0:
        average = average_price(legs.buy_value, legs.buy_quantity)
    elif net < 0:
        average = average_price(legs.sell_value, legs.sell_quantity)
    gained = _realised_today(legs) - _realised_today(earlier)
    return replace(legs, net_quantity=net, average_price=average, realised_pnl=earlier.realised_pnl + gained)


def _realised_today(legs: PositionRecord) -> Decimal:
    """Proceeds minus cost of what was closed since the totals began, at the averages of both sides."""
    closed = min(legs.buy_quantity, legs.sell_quantity)
    if not closed:
        return ZERO
    sold = legs.sell_value * closed / legs.sell_quantity
    bought = legs.buy_value * closed / legs.buy_quantity
    return (sold - bought).quantize(_QUANTUM)
