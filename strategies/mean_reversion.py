"""A small mean reversion: buy what has fallen far below its own average, sell when it is back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Literal

from pydantic import Field

from tradewinds.sdk import Bar, BaseStrategy, at, live
from tradewinds.sdk import Params as BaseParams


class MeanReversionStrategy(BaseStrategy):
    """Buys dips of several standard deviations, one position per symbol, and leaves at the average, at its stop, or at 15:10."""

    class Params(BaseParams):
        """What is `live` may be changed while it runs."""

        symbols: list[str] = Field(min_length=1, description="what to trade")
        quantity: int = Field(default=1, gt=0, description="units per position")
        interval: Literal["1m", "3m", "5m", "15m"] = Field(default="5m", description="of the bars that it looks at")
        length: int = Field(default=20, ge=5, le=500, description="bars that make the average")
        entry_deviations: float = live(2.0, gt=0, description="standard deviations below the average, to buy")
        stop_percent: Decimal = live(Decimal(1), gt=0, le=20, description="below the price paid")

    params: Params

    def bars(self) -> Mapping[str, int]:
        """As many as the average needs: they are there from the first bar on, after a restart too."""
        return {self.params.interval: self.params.length}

    def on_bar(self, bar: Bar) -> None:
        """One decision per bar; what has not filled since the last one is taken back first."""
        if working := self.orders(bar.symbol):
            self.cancel(working[0])
            return
        deviations = self.deviations(bar.symbol)
        if deviations is None or not bar.is_complete:
            return
        self.metric(f"deviations {bar.symbol}", deviations)
        if self.position(bar.symbol).net_quantity > 0:
            if deviations >= 0 or bar.close <= self.stop(bar.symbol):
                self.square_off(bar.symbol, reason=f"closed {deviations:.2f} deviations from the mean")
        elif deviations <= -self.params.entry_deviations and self.now.time() < time(15, 0):
            limit = self.round_to_tick(bar.symbol, bar.close)
            self.buy(
                bar.symbol, self.params.quantity, limit, reason=f"closed {deviations:.2f} deviations from the mean"
            )

    @at("15:10")
    def leave(self) -> None:
        """Nothing stays over night."""
        self.square_off()

    def stop(self, symbol: str) -> Decimal:
        """The price at which the idea was wrong."""
        paid = self.position(symbol).average_price
        assert paid is not None  # on_bar has looked whether something is held
        return paid * (1 - self.params.stop_percent / 100)

    def deviations(self, symbol: str) -> float | None:
        """How far the last close is from the average; None while there are too few bars, or no movement at all."""
        closes = self.history(symbol, self.params.interval).close
        if len(closes) < self.params.length or closes.std() == 0:
            return None
        return float((closes[-1] - closes.mean()) / closes.std())
