"""Strategies that do one thing each, for the runner's tests."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tradewinds.sdk import BaseStrategy, OrderHandle, Params, StopReason, Tick, Trade


class Watcher(BaseStrategy):
    """Counts prices, and says what happens to it."""

    def on_start(self) -> None:
        self.state["starts"] = self.state.get("starts", 0) + 1
        self.notify("started")

    def on_tick(self, tick: Tick) -> None:
        self.state["ticks"] = self.state.get("ticks", 0) + 1
        self.state["last"] = str(tick.last_price)

    def on_feed_stale(self) -> None:
        self.notify("stale")

    def on_feed_resumed(self) -> None:
        self.notify("resumed")

    def on_stop(self, reason: StopReason) -> None:
        self.notify(f"stopped: {reason}")


class Faulty(Watcher):
    """Raises in its second callback."""

    def on_tick(self, tick: Tick) -> None:
        raise ZeroDivisionError("as tests want it")


class NeverStarts(BaseStrategy):
    """Raises in on_start."""

    def on_start(self) -> None:
        raise RuntimeError("not today")


class Looping(Watcher):
    """Never returns from on_tick, nor from on_stop."""

    def on_tick(self, tick: Tick) -> None:
        self.notify("looping")  # leaves at once, though the callback never returns
        while True:
            pass


class Stubborn(Watcher):
    """Takes its time to stop."""

    def on_stop(self, reason: StopReason) -> None:
        time.sleep(60)


class Spy(BaseStrategy):
    """Tells what its process can see."""

    def on_start(self) -> None:
        self.metric("environment", len(os.environ))
        self.metric("environment_block", len(Path("/proc/self/environ").read_bytes()))
        self.metric("grpc", float(any(name.split(".")[0] == "grpc" for name in sys.modules)))
        self.metric("redis", float("redis" in sys.modules))
        self.metric("group", os.getpgid(0) == os.getpid())
        self.metric("session", os.getsid(0) == os.getpid())
        print("a line that it prints")  # noqa: T201


class Buyer(BaseStrategy):
    """Buys one unit at each price; after a fill it sells what was filled."""

    def on_tick(self, tick: Tick) -> None:
        self.buy(tick.symbol, 1, tick.last_price)

    def on_order(self, order: OrderHandle) -> None:
        self.state[order.request_id] = f"{order.state} {order.reason}".strip()

    def on_trade(self, trade: Trade) -> None:
        self.state["position"] = self.position(trade.instrument).net_quantity
        if trade.side == "BUY":
            self.sell(trade.instrument, trade.quantity, trade.price + 1)


class DiesAfterSelling(Buyer):
    """As Buyer, but dies before the checkpoint of its first fill can be saved."""

    def on_trade(self, trade: Trade) -> None:
        super().on_trade(trade)
        if "survived" not in self.state and trade.side == "BUY":
            marker = Path(self.params.marker)
            if not marker.exists():
                marker.touch()
                time.sleep(0.1)  # its order leaves
                os.kill(os.getpid(), 9)

    class Params(Params):
        marker: str


class Latency(BaseStrategy):
    """Measures from the feed's clock to on_tick."""

    class Params(Params):
        expected: int

    def on_start(self) -> None:
        self.samples: list[int] = []

    def on_tick(self, tick: Tick) -> None:
        self.samples.append(time.time_ns() - tick.received_ns)
        if len(self.samples) == self.params.expected:
            self.samples.sort()
            self.metric("p50_us", self.samples[len(self.samples) // 2] / 1000)
            self.metric("p99_us", self.samples[len(self.samples) * 99 // 100] / 1000)


class Curious(BaseStrategy):
    """Subscribes to more than its parameters name."""

    def on_start(self) -> None:
        self.subscribe("TCS")
        self.subscribe("NOSUCHTHING")

    def on_tick(self, tick: Tick) -> None:
        self.notify(f"tick {tick.symbol}", dedupe_key=tick.symbol)


class Ticking(BaseStrategy):
    """Says the market's date when it starts and at every second of it."""

    def on_start(self) -> None:
        self.look()
        self.every("1s", self.look)

    def look(self) -> None:
        self.notify(f"{self.now:%Y-%m-%d}")
