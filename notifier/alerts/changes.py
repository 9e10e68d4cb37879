"""Which alerts somebody has changed since the evaluator last looked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class Changes:
    """`hear` is a handler of LISTEN; what it was told stays until it is taken."""

    def __init__(self, heard: asyncio.Event) -> None:
        self._heard = heard
        self._numbers: set[int] = set()
        self.connected = asyncio.Event()
        # Something may have been missed: everything must be loaded again.
        self.everything = False

    async def hear(self, payload: str | None) -> None:
        """One alert's number; None after each (re)connect."""
        if payload is None:
            self.everything = self.connected.is_set()
            self.connected.set()
        elif payload.isdigit():
            self._numbers.add(int(payload))
        self._heard.set()

    def take(self, at_most: int) -> list[int]:
        """Some of them."""
        return [self._numbers.pop() for _ in range(min(at_most, len(self._numbers)))]

    def give_back(self, numbers: Collection[int]) -> None:
        """They could not be looked up."""
        self._numbers.update(numbers)

    def __bool__(self) -> bool:
        return bool(self._numbers) or self.everything
