"""The look that the feed takes at itself four times a second: sockets, silence, what is stale."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

from engine_server.feed.market_sockets import MarketSockets
from engine_server.feed.stale_board import StaleBoard
from engine_server.feed.watchdog import MARKET_CLOSED, TICKS_CAME, Watchdog
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("feed.watch")

_LOOK_SECONDS: Final = 0.25
_WRITE_SECONDS: Final = 1.0


class Watch:
    """Tells everybody what is stale, while this process is the one that streams."""

    def __init__(
        self, sockets: MarketSockets, watchdog: Watchdog, board: StaleBoard, is_active: Callable[[], bool]
    ) -> None:
        self._sockets = sockets
        self._watchdog = watchdog
        self._board = board
        self._is_active = is_active

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            if self._is_active():
                self._sockets.look()
                stale = self._watchdog.look()
                self._board.show(stale, TICKS_CAME if self._watchdog.open_instruments else MARKET_CLOSED)
                await self._write()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _write(self) -> None:
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self._board.write()
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("write.failed", error=describe(e))
