"""Opening-range breakout: what leaves the range of the first minutes tends to go on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from decimal import Decimal

from pydantic import Field

from tradewinds.sdk import Bar, BaseStrategy, OrderHandle, Tick, at
from tradewinds.sdk import Params as BaseParams

OPENING, LAST_ENTRY = time(9, 15), time(14, 30)


class OpeningRangeStrategy(BaseStrategy):
    """Buys a break above the first quarter of an hour, with an SL order at its low, once a day per symbol."""

    class Params(BaseParams):
        """What can be set."""

        symbols: list[str] = Field(min_length=1, description="what to trade")
        quantity: int = Field(default=1, gt=0, description="units per position")
        minutes: int = Field(default=15, ge=1, le=120, description="how long the opening is")

    params: Params

    def on_start(self) -> None:
        """What was done today survives a restart."""
        if self.state.get("day") != f"{self.now:%Y-%m-%d}":
            self.new_day()

    @at("09:00")
    def new_day(self) -> None:
        """Another day begins anew."""
        self.state = {"day": f"{self.now:%Y-%m-%d}", "ranges": {}, "done": [], "leaving": False}

    def bars(self) -> Mapping[str, int]:
        """One-minute bars, and so many of the past that a late start finds the whole opening."""
        return {"1m": 375}

    def on_bar(self, bar: Bar) -> None:
        """When the opening is over: what was it?"""
        if bar.symbol in self.state["ranges"] or self.minutes_open() < self.params.minutes:
            return
        if (found := self.range_of(bar.symbol)) is not None:
            self.state["ranges"][bar.symbol] = found

    def on_tick(self, tick: Tick) -> None:
        """A price above the range buys, once."""
        top_and_bottom = self.state["ranges"].get(tick.symbol)
        if top_and_bottom is None or tick.symbol in self.state["done"] or self.now.time() >= LAST_ENTRY:
            return
        if tick.last_price > Decimal(top_and_bottom[0]):
            self.state["done"].append(tick.symbol)
            why = f"{tick.last_price} is above the opening range, whose top is {top_and_bottom[0]}"
            self.buy(tick.symbol, self.params.quantity, reason=why)

    def on_order(self, order: OrderHandle) -> None:
        """As soon as the entry is filled, its stop rests at the exchange, where it needs none of us."""
        if order.is_working:
            return
        if self.state["leaving"]:
            self.square_off(order.instrument)  # the stop is gone: the position is free to be sold
        elif order.side == "BUY" and order.filled:
            trigger = Decimal(self.state["ranges"][order.instrument][1])
            limit = self.round_to_tick(order.instrument, trigger * Decimal("0.995"))
            self.sell(order.instrument, order.filled, limit, trigger_price=trigger, reason="stop at the range's bottom")
        elif order.side == "BUY":
            self.notify(f"{order.instrument} was not bought", f"{order.reason} {order.message}")

    @at("15:10")
    def leave(self) -> None:
        """Take the stops back; what they guarded is sold in on_order when they are gone."""
        self.state["leaving"] = True
        for order in self.orders():
            self.cancel(order)
        self.square_off()

    def minutes_open(self) -> float:
        """Since the opening bell."""
        return (self.now.hour - OPENING.hour) * 60 + self.now.minute - OPENING.minute

    def range_of(self, symbol: str) -> tuple[str, str] | None:
        """Highest and lowest price of today's opening, as texts: state is JSON. None when nothing was traded in it."""
        history = self.history(symbol, "1m")
        since = self.now.replace(hour=OPENING.hour, minute=OPENING.minute, second=0, microsecond=0)
        ages = (history.start.astype("int64") - int(since.timestamp() * 1000)) / 60_000
        opening = (ages >= 0) & (ages < self.params.minutes)
        if not opening.any():
            return None
        return f"{history.high[opening].max():.2f}", f"{history.low[opening].min():.2f}"
