"""The broker's limit on reads: so many seconds between the beginnings of two (protocol §7.1, per client code)."""

from __future__ import annotations

import asyncio
import time


class Spacing:
    """`await turn()` returns when the next one may begin; who asks first goes first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for our turn. A turn that is cancelled while it waits stays used."""
        now = time.monotonic()
        mine = max(now, self._next)
        self._next = mine + self._seconds
        if mine > now:
            await asyncio.sleep(mine - now)
