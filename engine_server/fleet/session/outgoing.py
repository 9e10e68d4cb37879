"""The messages on their way to one runner: numbered, bounded, ended once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from tradewinds.errors import TradewindsError
from tradewinds.v1 import strategy_runner_pb2 as pb

# Beyond it nothing is queued: directives are said again, order events are read again from the log, and a later
# acknowledgement covers an earlier one. A runner that reads nothing costs this much memory and no more.
LIMIT = 1000


class Outgoing:
    """A bounded queue with one reader. Nothing is sent after `end`."""

    def __init__(self) -> None:
        self._messages: deque[pb.SessionResponse] = deque()
        self._changed = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._ended = False
        self._error: TradewindsError | None = None
        self._sequence = 0

    def try_send(self, **message: Any) -> bool:
        """Queue one message, given as the field of `SessionResponse.message`; False when the queue is full or ended."""
        if self._ended or len(self._messages) >= LIMIT:
            return False
        self._messages.append(pb.SessionResponse(**message))
        if len(self._messages) >= LIMIT:
            self._roomy.clear()
        self._changed.set()
        return True

    async def room(self) -> None:
        """Wait until the queue takes messages."""
        await self._roomy.wait()

    def end(self, error: TradewindsError | None = None) -> None:
        """End the stream after what is queued; with an error the runner is told it as the rpc's status. The first call counts."""
        if not self._ended:
            self._ended = True
            self._error = error
        self._changed.set()

    async def messages(self) -> AsyncIterator[pb.SessionResponse]:
        """Everything, in order, until the end."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                if len(self._messages) <= LIMIT // 2:
                    self._roomy.set()
                self._sequence += 1
                message.sequence = self._sequence
                yield message
            if self._ended:
                break
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error
