"""Strategies that do one thing each, for the runner's tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tradewinds.sdk import (
    Bar,
    BaseStrategy,
    OrderHandle,
    Params,
    Phase,
    Position,
    Signal,
    StopReason,
    Tick,
    Trade,
    UnknownInstrumentError,
    opt,
)


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


class Listener(Watcher):
    """Keeps what it is told from outside, and what it holds when the books were set right."""

    def on_signal(self, signal: Signal) -> None:
        self.state.setdefault("signals", []).append([signal.data, signal.sender])

    def on_reconciled(self, positions: list[Position]) -> None:
        self.state["reconciled"] = [[p.instrument, p.net_quantity] for p in positions]


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


class Sleeping(Watcher):
    """Sleeps for longer than anybody waits."""

    def on_tick(self, tick: Tick) -> None:
        time.sleep(600)


class Waiting(BaseStrategy):
    """Waits for what never comes."""

    async def on_tick(self, tick: Tick) -> None:
        await asyncio.Event().wait()


class Growing(Watcher):
    """Holds most of what it may, and goes on."""

    def on_tick(self, tick: Tick) -> None:
        self.kept = b"x" * (140 << 20)


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
        self.buy(tick.symbol, 1, tick.last_price, reason="the first price")

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


class BuysOnceAndDies(BaseStrategy):
    """Buys where it has nothing and nothing is on its way; the first process dies in the same moment."""

    class Params(Params):
        marker: str

    def on_tick(self, tick: Tick) -> None:
        self.metric("saw_orders", len(self.orders()))
        if not self.orders() and not self.positions():
            self.buy(tick.symbol, 1, tick.last_price)
            if not Path(self.params.marker).exists():
                Path(self.params.marker).touch()
                os.kill(os.getpid(), 9)


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


class Prisoner(BaseStrategy):
    """Tries what a strategy's process may not do, and tells the error number of each attempt; 0 where it succeeded."""

    def on_start(self) -> None:
        attempts: dict[str, Callable[[], object]] = {
            "socket": lambda: socket.socket(socket.AF_INET),
            "unix_socket": socket.socketpair,
            "fork": os.fork,
            "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
            "subprocess": lambda: subprocess.run(["true"], check=True),
            "kill_runner": lambda: os.kill(os.getppid(), 0),
            "kill_all": lambda: os.kill(-1, 0),
            "files": self.open_too_many,
            "big_file": self.write_too_much,
            "own_signal": lambda: os.kill(os.getpid(), 0),
            "thread": lambda: threading.Thread(target=int).start(),
        }
        for name, attempt in attempts.items():
            self.metric(name, float(error_of(attempt)))

    def open_too_many(self) -> None:
        with contextlib.ExitStack() as files:
            for _ in range(10_000):
                files.enter_context(Path("/dev/null").open())

    def write_too_much(self) -> None:
        with Path(self.params.file).open("wb") as file:
            for _ in range(3):
                file.write(bytes(1 << 20))

    class Params(Params):
        file: str


def error_of(attempt: Callable[[], object]) -> int:
    try:
        attempt()
    except OSError as e:
        return e.errno or -1
    return 0


class Leaking(Watcher):
    """Keeps more and more, for ever."""

    def on_tick(self, tick: Tick) -> None:
        kept: list[bytes] = []
        while True:
            kept.append(b"x" * (1 << 20))


class Babbling(Watcher):
    """Writes nonsense to every file that it has open, its runner's pipe included."""

    def on_tick(self, tick: Tick) -> None:
        for descriptor in range(2, 32):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"\xff" * 300_000)


class Caller(Watcher):
    """Would like to ask a server."""

    def on_tick(self, tick: Tick) -> None:
        socket.create_connection(("127.0.0.1", 1))


class BarReader(BaseStrategy):
    """Tells what it sees of bars, phases and a selection."""

    def bars(self) -> Mapping[str, int]:
        return {"1m": 10}

    async def on_start(self) -> None:
        self.notify(f"history {self.history('RELIANCE').close.tolist()}")
        try:
            self.call = await self.select(opt("NIFTY", "weekly", "ATM+1", "CE"))
        except UnknownInstrumentError as e:
            self.notify("not selected", str(e))
        else:
            self.notify(f"selected {self.call.key}")
            self.state["selected"] = self.call.key

    def on_bar(self, bar: Bar) -> None:
        self.notify(f"bar {bar.symbol} {bar.close} {len(self.history('RELIANCE'))}")

    def on_phase(self, phase: Phase) -> None:
        self.notify(f"phase {phase.segment} {phase.name}")

    def on_tick(self, tick: Tick) -> None:
        self.notify(f"{tick.symbol} {self.phase('RELIANCE').name}", dedupe_key="x")
