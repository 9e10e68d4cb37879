"""Buys and sells all the time, and keeps count of what it was told."""

from __future__ import annotations

from pydantic import Field

from tradewinds.sdk import BaseStrategy, OrderHandle, OrderState, Side, Trade
from tradewinds.sdk import Params as BaseParams

_REST_TURNS = 3


class Turnover(BaseStrategy):
    """Never holds more than `quantity`: every other position is sold in the event of its fill, the others at the next turn."""

    class Params(BaseParams):
        """One symbol; a turn is every `pace` seconds."""

        symbols: list[str] = Field(min_length=1, max_length=1)
        pace: int = Field(default=5, ge=1)
        quantity: int = Field(default=2, ge=1)

    params: Params

    def on_start(self) -> None:
        """The count outlives the process."""
        self.state.setdefault("trades", [])
        self.rest = 0
        self.every(self.params.pace, self.turn)

    def turn(self) -> None:
        """Out of what is open; otherwise in, unless something works or entries are denied."""
        symbol = self.params.symbols[0]
        if self.position(symbol).net_quantity:
            self.square_off(symbol)
        elif self.rest:
            self.rest -= 1
        elif not self.orders(symbol):
            self.buy(symbol, self.params.quantity)

    def on_order(self, order: OrderHandle) -> None:
        """Denied entries are not tried at every turn."""
        if order.state == OrderState.DENIED:
            self.rest = _REST_TURNS

    def on_trade(self, trade: Trade) -> None:
        """Remember every fill by its id, and how often it came."""
        self.state["trades"].append(trade.trade_id)
        if trade.side == Side.BUY and len(self.state["trades"]) % 4 == 1:
            self.sell(trade.instrument, trade.quantity)
