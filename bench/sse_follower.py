"""A follower that costs little: a bare socket that reads one event stream, of notifications that say when they were sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

_MARK: Final = b"sent@"
_DIGITS: Final = 19

# Stands in a message for what `sent_now` says.
UNSENT: Final = _MARK + bytes(_DIGITS)


def sent_now() -> bytes:
    """In the place of `UNSENT`, as long as it."""
    return _MARK + b"%0*d" % (_DIGITS, time.perf_counter_ns())


class SseFollower(asyncio.Protocol):
    """Tells `heard` how old each notification is, in milliseconds."""

    def __init__(self, heard: Callable[[float], None], request: bytes) -> None:
        self._heard = heard
        self._request = request
        self._unread = b""
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter_ns()
        if not self.live.done() and b": beat" in data:
            self.live.set_result(None)
        self._unread += data
        while (at := self._unread.find(_MARK)) >= 0 and len(self._unread) >= (end := at + len(UNSENT)):
            self._heard((now - int(self._unread[at + len(_MARK) : end])) / 1e6)
            self._unread = self._unread[end:]

    def close(self) -> None:
        self._transport.close()


async def follow(address: str, token: str, heard: Callable[[float], None]) -> SseFollower:
    """At `address` (`host:port`), live when this returns."""
    host, _, port = address.partition(":")
    request = f"GET /v1/notifications/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    _, follower = await asyncio.get_running_loop().create_connection(
        lambda: SseFollower(heard, request.encode()), host, int(port)
    )
    await follower.live
    return follower
