"""Keeps the calendar of the days around now, and tells the strategies when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from strategy_runner.market_calls import CalendarDays, MarketCallError, MarketCalls
from strategy_runner.protocol import Phases
from tradewinds.clock import MarketClock, ist
from tradewinds.telemetry import get_logger

log = get_logger("calendar")

_LOOK_SECONDS: Final = 30.0  # how late an edit of the calendar, or a new day, may be known
_RETRY_SECONDS: Final = 5.0
_DAYS_AHEAD: Final = 2


class CalendarReader:
    """Run `run` as a watched task. `phases` is what is known; nothing before the first answer."""

    def __init__(self, market: MarketCalls, clock: MarketClock, announce: Callable[[Phases], None]) -> None:
        self._market = market
        self._clock = clock
        self._announce = announce
        self._known = CalendarDays()
        self._hurry = asyncio.Event()

    @property
    def phases(self) -> Phases:
        """As a strategy's process is told."""
        return Phases(list(self._known.spans), list(self._known.days))

    def look_again(self) -> None:
        """The market clock has jumped: it may be another day."""
        self._hurry.set()

    async def run(self) -> None:
        """Ask for ever. An engine that cannot say changes nothing: what is known goes on."""
        while True:
            today = ist(self._clock.now()).date()
            try:
                known = await self._market.calendar(str(today), str(today + timedelta(days=_DAYS_AHEAD)))
            except MarketCallError as e:
                log.warning_throttled("unknown", seconds=300.0, error=str(e))
                await self._wait(_RETRY_SECONDS)
                continue
            if known != self._known:
                self._known = known
                self._announce(self.phases)
            await self._wait(_LOOK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()
