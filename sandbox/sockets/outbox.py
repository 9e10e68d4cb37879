"""What waits to be sent on one WebSocket, bounded.

Ready frames are joined into one write per flush: at thousands of ticks a second, one system call per frame would cost more
than everything else together.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_HIGH_WATER_BYTES = 256 * 1024
_FINAL = 0x80
TEXT, BINARY, CLOSE, PONG = 0x1, 0x2, 0x8, 0xA


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole unmasked server frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((_FINAL | opcode, size)) + payload
    if size < 65_536:
        return bytes((_FINAL | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_FINAL | opcode, 127)) + size.to_bytes(8, "big") + payload


def payload_of(ready: bytes) -> tuple[int, bytes]:
    """(opcode, payload) of what `frame` made."""
    start = {126: 4, 127: 10}.get(ready[1], 2)
    return ready[0] & 0x0F, ready[start:]


class Outbox:
    """Frames go out when the transport takes them. When `capacity` frames wait, `on_full` is asked whether the oldest goes."""

    def __init__(self, transport: asyncio.Transport, capacity: int, on_full: Callable[[], bool]) -> None:
        """`on_full` returns True: drop the oldest and go on; False: this reader is given up and cut off."""
        self._transport = transport
        self._capacity = capacity
        self._on_full = on_full
        self._waiting: deque[bytes] = deque()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def push(self, ready: bytes) -> None:
        if len(self._waiting) >= self._capacity:
            self._waiting.popleft()
            self.dropped += 1
            if not self._on_full():
                self._waiting.clear()
                self._transport.abort()
                return
        self._waiting.append(ready)

    def hang_up(self) -> None:
        """End the connection once everything that waits has been written."""
        self.flush()
        self._transport.close()

    def cut(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    def flush(self) -> None:
        """Write everything that waits, unless the peer is behind: then it waits on, up to the capacity."""
        if self._transport.is_closing():  # first: a TLS transport that has gone cannot even say how much it holds
            self._waiting.clear()
        if not self._waiting or self._transport.get_write_buffer_size() > _HIGH_WATER_BYTES:
            return
        self._transport.write(b"".join(self._waiting))
        self._waiting.clear()
