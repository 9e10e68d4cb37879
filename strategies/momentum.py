"""A small momentum strategy: buy what has just risen, sell when it turns or after a while."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from pydantic import Field

from tradewinds.sdk import BaseStrategy, OrderHandle, Side
from tradewinds.sdk import Params as BaseParams


class MomentumStrategy(BaseStrategy):
    """Goes long in what rises, one position per symbol, and never uses more than its capital."""

    class Params(BaseParams):
        """What can be set; everything but `symbols` and `capital_allocated` has a default."""

        symbols: list[str] = Field(min_length=1, description="what to trade")
        capital_allocated: Decimal = Field(gt=0, description="rupees, shared evenly by the symbols")
        execution_interval: int = Field(default=5, ge=1, description="seconds of market time between two looks")
        lookback: int = Field(default=1, ge=1, description="compare with the price so many looks ago")
        threshold_percent: Decimal = Field(default=Decimal("0.01"), ge=0, description="a smaller rise is no momentum")
        slippage_percent: Decimal = Field(
            default=Decimal("0.05"), ge=0, le=2, description="how far limits cross the spread"
        )
        max_hold: int = Field(default=60, ge=1, description="seconds of market time before a position is sold anyway")

    params: Params

    def on_start(self) -> None:
        """Keep the last prices of each symbol, and look at them in every interval."""
        looks = self.params.lookback + 1
        self.prices = {symbol: deque[Decimal](maxlen=looks) for symbol in self.params.symbols}
        self.state.setdefault("entered_at", {})  # survives a crash: max_hold counts on
        self.every(self.params.execution_interval, self.look)

    def look(self) -> None:
        """One round over the symbols."""
        for symbol in self.params.symbols:
            quote = self.quote(symbol)
            if quote is None:
                continue  # no price yet
            self.prices[symbol].append(quote.last_price)
            if working := self.orders(symbol):
                self.cancel(working[0])  # not filled within a whole interval: look afresh next time
            elif self.position(symbol).net_quantity > 0:
                self.maybe_exit(symbol)
            else:
                self.maybe_enter(symbol)

    def maybe_enter(self, symbol: str) -> None:
        """Buy as much as this symbol's share of the capital pays for."""
        rise = self.rise_percent(symbol)
        if rise is None or rise < self.params.threshold_percent or rise == 0:
            return
        limit = self.marketable_limit(symbol, Side.BUY)
        lot = self.instrument(symbol).lot_size
        share = self.params.capital_allocated / len(self.params.symbols)
        quantity = int(share / limit) // lot * lot
        if quantity > 0:
            self.buy(symbol, quantity, limit, reason=f"risen {rise:.3f} % over {self.params.lookback} looks")
        else:
            self.notify(f"{symbol} is too dear", f"{share:.2f} rupees do not buy one lot at {limit}", dedupe_key=symbol)

    def maybe_exit(self, symbol: str) -> None:
        """Sell everything when the price has turned, or when it was held long enough."""
        rise = self.rise_percent(symbol)
        entered_at = self.state["entered_at"].get(symbol, 0)
        turned = rise is not None and rise < 0
        if turned or self.now.timestamp() - entered_at >= self.params.max_hold:
            why = f"fallen {-rise:.3f} %" if turned and rise is not None else f"held for {self.params.max_hold} s"
            held = self.position(symbol).net_quantity
            self.sell(symbol, held, self.marketable_limit(symbol, Side.SELL), reason=why)

    def rise_percent(self, symbol: str) -> Decimal | None:
        """How far the price has risen over the lookback; None while there are too few prices."""
        prices = self.prices[symbol]
        if len(prices) <= self.params.lookback:
            return None
        return (prices[-1] - prices[0]) / prices[0] * 100

    def marketable_limit(self, symbol: str, side: Side) -> Decimal:
        """A limit a little beyond the other side of the book: it fills at once, but never at any price."""
        quote = self.quote(symbol)
        assert quote is not None  # look() has checked
        touch = (quote.ask if side is Side.BUY else quote.bid) or quote.last_price
        slippage = touch * self.params.slippage_percent / 100
        return self.round_to_tick(symbol, touch + slippage if side is Side.BUY else touch - slippage)

    def on_order(self, order: OrderHandle) -> None:
        """Remember when a position began, and show how it goes."""
        if order.side is Side.BUY and order.filled and order.instrument not in self.state["entered_at"]:
            self.state["entered_at"][order.instrument] = self.now.timestamp()
        if self.position(order.instrument).net_quantity == 0 and not order.is_working:
            self.state["entered_at"].pop(order.instrument, None)
            self.metric("realised_pnl", sum(self.position(s).realised_pnl for s in self.params.symbols))
