"""What moves the market forward: ticks that are due, orders that are under way, the turn of the day."""

from __future__ import annotations

import asyncio
import time

from sandbox.broker import Broker

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
        """Do what is due now. True when more is due already.

        Prints and milestones come in the order of market time, however late they are: no print of after the close is matched before it.
        """
        broker = self._broker
        now_ms = broker.clock.now_ms()
        milestone_ms = broker.trading.day.next_ms()
        broker.follow_demand(now_ms)
        ticks = broker.source.take(min(now_ms, milestone_ms - 1), _BATCH)
        for tick in ticks:
            broker.trading.on_tick(tick, broker.show)
        behind = len(ticks) == _BATCH
        if not behind and milestone_ms <= now_ms:
            broker.trading.day.run_due(milestone_ms)
            behind = True
        broker.desk.run_due()
        if not behind:
            self._jump(now_ms)
        broker.market_stream.flush()
        broker.order_stream.flush()
        self._remember()
        return behind

    def _jump(self, now_ms: int) -> None:
        """Over a night or another time in which nothing happens."""
        broker = self._broker
        recorded, source = bool(broker.settings.replay), broker.source
        target = source.jump_target(now_ms) if recorded else broker.trading.idle_until(now_ms)
        if target is None or target <= broker.clock.now_ms():
            return
        broker.trading.day.pass_to(broker.clock, target)
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
