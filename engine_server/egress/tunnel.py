"""One open tunnel: bytes both ways, each direction ended by itself, never more than a buffer ahead of the slower side."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass

# A reader stops reading its socket at twice this (asyncio's flow control): the bound of what one tunnel holds.
BUFFER_BYTES = 64 * 1024


@dataclass
class TunnelBytes:
    """How much went through: `out` towards the broker, `back` from it. Each byte is told to the metrics as it passes."""

    on_out: Callable[[int], None]
    on_back: Callable[[int], None]
    out: int = 0
    back: int = 0

    def count_out(self, size: int) -> None:
        """So many bytes have gone towards the broker."""
        self.out += size
        self.on_out(size)

    def count_back(self, size: int) -> None:
        """So many bytes have come back."""
        self.back += size
        self.on_back(size)


async def relay(
    client: tuple[StreamReader, StreamWriter], upstream: tuple[StreamReader, StreamWriter], passed: TunnelBytes
) -> None:
    """Pump until both sides have said all.

    When one side ends its sending (half-close), the other is told so and may go on. When one side breaks, both are ended
    at once.
    """
    try:
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(_pump(client[0], upstream[1], passed.count_out), name="egress.out")
            pumps.create_task(_pump(upstream[0], client[1], passed.count_back), name="egress.back")
    except* OSError:
        reset(client[1])
        reset(upstream[1])


async def _pump(source: StreamReader, sink: StreamWriter, count: Callable[[int], None]) -> None:
    while data := await source.read(BUFFER_BYTES):
        if sink.is_closing():  # uvloop says RuntimeError to a write now, asyncio loses it without a word
            raise ConnectionResetError("the other side has gone")
        sink.write(data)
        count(len(data))
        await sink.drain()
    if sink.can_write_eof() and not sink.is_closing():
        sink.write_eof()


def reset(writer: StreamWriter) -> None:
    """Break the connection as a break, not as a polite end: nobody must take half a message for a whole one, and what is still in
    a buffer is not sent."""
    sock = writer.get_extra_info("socket")
    if not writer.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
