"""Market time as ticks are judged by: none before the broker's clock has been read once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from engine_server.feed.tick_judge import MarketMoment
from tradewinds.clock import MarketClock

_LOOK_SECONDS: Final = 0.5
_LOOKS_APART_SECONDS: Final = 1.0


class MarketTime:
    """`is_known` says whether the market clock has been set; `poll` sets it again, now."""

    def __init__(
        self,
        market_clock: MarketClock,
        is_known: Callable[[], bool],
        poll: Callable[[], Awaitable[None]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._market_clock = market_clock
        self._is_known = is_known
        self._poll = poll
        self._monotonic = monotonic
        self._looked_at = float("-inf")

    def moment(self) -> MarketMoment | None:
        """Now; None while nobody knows."""
        if not self._is_known():
            return None
        return MarketMoment(self._market_clock.now_ms(), self._market_clock.rate)

    async def look_again(self) -> None:
        """Read the broker's clock, at most once a second: a replay jumps over its nights between two of our looks."""
        if self._monotonic() - self._looked_at < _LOOKS_APART_SECONDS:
            return
        self._looked_at = self._monotonic()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._poll()
        except TimeoutError:
            return
