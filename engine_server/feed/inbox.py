"""Frames between the socket and Redis. Bounded: when it is full the oldest go, a late tick is worth less than a new one."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

CAPACITY = 20_000  # seconds of ticks, 8 MB


class Frames(NamedTuple):
    """What the socket delivered, in order, and when (real clock, epoch nanoseconds)."""

    payloads: list[bytes]
    received_ns: list[int]


class FrameInbox:
    """One writer (the socket), one reader (the flush loop)."""

    def __init__(
        self,
        capacity: int = CAPACITY,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = capacity
        self._wall_ns = wall_ns
        self._monotonic = monotonic
        self._payloads: deque[bytes] = deque(maxlen=capacity)
        self._received_ns: deque[int] = deque(maxlen=capacity)
        self._filled = asyncio.Event()
        self._overflowed = 0

    def put(self, payload: bytes) -> None:
        """Take a frame in; never waits."""
        if len(self._payloads) == self._capacity:
            self._overflowed += 1
        self._payloads.append(payload)
        self._received_ns.append(self._wall_ns())
        self._filled.set()

    async def take(self, not_before: float = 0.0) -> Frames:
        """Everything that is there; waits for something, and then for that moment (monotonic)."""
        await self._filled.wait()
        # At least once around: what has come on the other sockets by now goes along, and not into a batch of its own.
        await asyncio.sleep(max(0.0, not_before - self._monotonic()))
        self._filled.clear()
        frames = Frames(list(self._payloads), list(self._received_ns))
        self._payloads.clear()
        self._received_ns.clear()
        return frames

    def take_overflow(self) -> int:
        """How many frames were lost since the last call."""
        overflowed, self._overflowed = self._overflowed, 0
        return overflowed
