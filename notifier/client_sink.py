"""Where the batches of a stream over HTTP go: the transport of its response, without aiohttp's layers, which took more time than making
and writing an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from notifier.realtime.outbox import Outbox
from notifier.realtime.subscription import Batch

# A client that has not read so much is waited for. (It is where uvloop begins to tell writers to wait.)
_UNREAD_BYTES: Final = 64 * 1024


class ClientSink:
    """One client; `bytes_of` is how a batch is written to it. What it takes goes out with what others are told in the same turn; before
    something else is written to the client, `flush` it."""

    def __init__(self, request: web.Request, bytes_of: Callable[[Batch], bytes], outbox: Outbox) -> None:
        """Raises `ConnectionResetError` when nobody is there any more."""
        if request.transport is None:
            raise ConnectionResetError
        self._transport = request.transport
        self._writer = request.writer
        self._bytes_of = bytes_of
        self._outbox = outbox
        # What it has put into the outbox since that was emptied the `_emptied`th time.
        self._put = 0
        self._emptied = 0

    @property
    def has_room(self) -> bool:
        """Not while the client has much to read, nor after it has gone."""
        held = self._put if self._emptied == self._outbox.emptied else 0
        return held + self._transport.get_write_buffer_size() <= _UNREAD_BYTES and not self._transport.is_closing()

    def write(self, batch: Batch) -> None:
        """One batch."""
        data = self._bytes_of(batch)
        if self._emptied != self._outbox.emptied:
            self._put, self._emptied = 0, self._outbox.emptied
        self._put += len(data)
        self._outbox.put(self._transport, data)

    def flush(self) -> None:
        """What was taken is written."""
        self._outbox.empty()

    async def drained(self) -> None:
        """Wait for the client to read."""
        self.flush()
        # What was written just now has not been tried yet: the loop does that, and then knows whether there is something to wait for.
        await asyncio.sleep(0)
        if self._transport.is_closing():
            raise ConnectionResetError
        await self._writer.drain()
