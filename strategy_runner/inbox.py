"""What waits for a strategy inside its process: order matters first, then prices."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from strategy_runner.protocol import RunnerMessage, Ticks, TicksTaken
from strategy_runner.tick_rows import TickRow

_MAX_MESSAGES: Final = 10_000


class Inbox:
    """Filled by the pipe's reader, emptied by the strategy's loop.

    Prices are bounded by the runner, which keeps at most two unanswered groups on the way. Other messages beyond 10,000
    make the reader wait, and then the runner's end of the pipe.
    """

    def __init__(self) -> None:
        self._messages: deque[RunnerMessage] = deque()
        self._rows: deque[TickRow | TicksTaken] = deque()
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def put(self, message: RunnerMessage) -> None:
        """Take a message from the pipe."""
        if isinstance(message, Ticks):
            self._rows.extend(message.rows)
            if message.ends_group:
                self._rows.append(TicksTaken())  # to be answered when the rows before it have been handled
        else:
            self._messages.append(message)
            if len(self._messages) >= _MAX_MESSAGES:
                self._has_room.clear()
        self._arrived.set()
        await self._has_room.wait()

    def next_message(self) -> RunnerMessage | None:
        """The oldest message that is not a price."""
        if not self._messages:
            return None
        message = self._messages.popleft()
        if len(self._messages) < _MAX_MESSAGES:
            self._has_room.set()
        return message

    def next_row(self) -> TickRow | TicksTaken | None:
        """The oldest price, or the mark that ends a group of them."""
        return self._rows.popleft() if self._rows else None

    async def wait(self, seconds: float) -> None:
        """Until something new arrives, at most so long."""
        self._arrived.clear()
        if self._messages:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            pass
