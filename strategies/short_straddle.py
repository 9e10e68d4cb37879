"""A short straddle: sell the call and the put at the money in the morning, with a stop on each, and buy back in the afternoon."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from tradewinds.sdk import BaseStrategy, Guard, OrderHandle, UnknownInstrumentError, opt
from tradewinds.sdk import Params as BaseParams


class ShortStraddleStrategy(BaseStrategy):
    """Sells one straddle a day. Each leg has a guard that the engine keeps at the exchange, whatever happens to us."""

    class Params(BaseParams):
        """What can be set. Its worst case is not bounded by itself: `capital_allocated` and the risk limits bound it."""

        underlying: str = Field(default="NIFTY", description="as its contracts name it")
        expiry: Literal["weekly", "monthly"] = Field(default="weekly", description="the nearest one of its kind")
        lots: int = Field(default=1, ge=1, description="of each leg")
        stop_percent: Decimal = Field(
            default=Decimal(30), gt=0, le=200, description="above the price that was received"
        )
        enter_at: str = Field(default="09:20", description="market time")
        leave_at: str = Field(default="15:15", description="market time")
        capital_allocated: Decimal = Field(gt=0, description="rupees")

    params: Params

    def on_start(self) -> None:
        """The times of the day; a restart that falls on one of them makes up for it."""
        self.at(self.params.enter_at, self.enter)
        self.at(self.params.leave_at, self.leave)

    async def enter(self) -> None:
        """Which strike is at the money is decided now, and stays so for the day. Both legs or none."""
        wanted = [opt(self.params.underlying, self.params.expiry, "ATM", option_type) for option_type in ("CE", "PE")]
        try:
            legs = [await self.select(selector) for selector in wanted]
        except UnknownInstrumentError as e:
            self.notify("No straddle today", str(e), dedupe_key=f"{self.now:%Y-%m-%d}")
            return
        for leg in legs:
            if self.position(leg.key).net_quantity == 0 and not self.orders(leg.key):
                self.sell(leg.key, self.params.lots * leg.lot_size, reason="a leg of the day's straddle")

    def on_order(self, order: OrderHandle) -> None:
        """A sold leg is guarded, above the price that was received."""
        if order.is_working or order.side != "SELL":
            return
        if order.filled:
            assert order.average_price is not None  # it has filled
            stop = order.average_price * (1 + self.params.stop_percent / 100)
            self.protect(order.instrument, stop=self.round_to_tick(order.instrument, stop))
        else:
            # Half a straddle is another trade than the one that was wanted.
            self.notify(f"{order.instrument} was not sold: leaving", f"{order.reason} {order.message}")
            self.leave()

    def on_guard(self, guard: Guard) -> None:
        """A leg that is not guarded is bought back at once."""
        if guard.is_refused:
            self.notify(f"{guard.instrument} is not guarded: leaving", guard.message)
            self.leave()

    def leave(self) -> None:
        """Out of both; the engine takes their guards back with them, so that nothing is bought twice."""
        self.square_off()
