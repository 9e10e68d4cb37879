"""What moves the market forward: ticks that are due, orders that are under way, the turn of the day."""

from __future__ import annotations

import asyncio
import time

from sandbox.broker import Broker
from sandbox.clock import ist_day

_BATCH = 500
_LONGEST_SLEEP_SECONDS = 0.02
_REMEMBER_EVERY_SECONDS = 1.0


class TradingFloor:
    """One task; it ends only with the process."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._remember_at = 0.0

    async def run(self) -> None:
        """Advance for ever. When ticks are late they come in batches, and others get their turn in between."""
        while True:
            behind = self.advance()
            await asyncio.sleep(0 if behind else self._pause())

    def advance(self) -> bool:
        """Do what is due now. True when more ticks are due already."""
        broker = self._broker
        now_ms = broker.clock.now_ms()
        broker.desk.begin_day(ist_day(now_ms))  # before its first print: yesterday's orders must not trade in it
        ticks = broker.source.take(now_ms, _BATCH)
        for tick in ticks:
            quote = broker.board.apply(tick)
            broker.desk.on_quote(quote)
            broker.market_stream.on_quote(quote)
        broker.desk.run_due()
        self._jump(now_ms)
        broker.market_stream.flush()
        broker.order_stream.flush()
        self._remember()
        return len(ticks) == _BATCH

    def _jump(self, now_ms: int) -> None:
        broker = self._broker
        target = broker.source.jump_target(now_ms)
        if target is not None and target > broker.clock.now_ms():
            broker.clock.jump_to(target)
            broker.truth.append("clock", event="jumped", from_ms=now_ms, to_ms=target)

    def _pause(self) -> float:
        """Until the next tick or order step, at most a blink: a request may bring something nearer."""
        broker = self._broker
        waits = [_LONGEST_SLEEP_SECONDS]
        if (tick_ms := broker.source.next_ms()) is not None:
            waits.append(broker.clock.real_seconds_until(tick_ms))
        if (step_ns := broker.desk.next_due_ns()) is not None:
            waits.append((step_ns - time.monotonic_ns()) / 1e9)
        return max(0.0005, min(waits))

    def _remember(self) -> None:
        now = time.monotonic()
        if now >= self._remember_at:
            self._remember_at = now + _REMEMBER_EVERY_SECONDS
            self._broker.remember(ahead_seconds=2 * _REMEMBER_EVERY_SECONDS)
