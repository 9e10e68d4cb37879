"""Followers that cost little: bare sockets that read one stream each, of notifications that say when they were sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_MARK: Final = b"sent@"
_DIGITS: Final = 19

# Stands in a message for what `sent_now` says.
UNSENT: Final = _MARK + bytes(_DIGITS)


def sent_now() -> bytes:
    """In the place of `UNSENT`, as long as it."""
    return _MARK + b"%0*d" % (_DIGITS, time.perf_counter_ns())


@dataclass(frozen=True)
class Carrier:
    """How a stream is asked for, what says that it is live, and an octet behind which no notification is cut in two."""

    path: str
    headers: str
    opening: bytes
    end: bytes


SSE: Final = Carrier("/v1/notifications/stream", "", b": beat", b"\n")
WEBSOCKET: Final = Carrier(
    "/v1/ws",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b'"resumed"',
    b"}",
)


class Follower(asyncio.Protocol):
    """Gives what comes to `heard`, with whole notifications."""

    def __init__(self, heard: Callable[[bytes], None], carrier: Carrier, request: bytes) -> None:
        self.heard = heard
        self._carrier = carrier
        self._end = carrier.end[0]
        self._request = request
        self._begun = b""
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._begun or data[-1] != self._end:
            whole, end, self._begun = (self._begun + data).rpartition(self._carrier.end)
            data = whole + end
        if not self.live.done() and self._carrier.opening in data:
            self.live.set_result(None)
        self.heard(data)

    def close(self) -> None:
        self._transport.close()


def count_in(heard: bytes) -> int:
    """How many notifications it holds."""
    return heard.count(_MARK)


def ages_in(heard: bytes) -> Iterator[float]:
    """How old each notification in it is now, in milliseconds."""
    now = time.perf_counter_ns()
    for after in heard.split(_MARK)[1:]:
        yield (now - int(after[:_DIGITS])) / 1e6


async def follow(address: str, token: str, heard: Callable[[bytes], None], carrier: Carrier = SSE) -> Follower:
    """At `address` (`host:port`), live when this returns."""
    host, _, port = address.partition(":")
    request = f"GET {carrier.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n{carrier.headers}\r\n"
    _, follower = await asyncio.get_running_loop().create_connection(
        lambda: Follower(heard, carrier, request.encode()), host, int(port)
    )
    await follower.live
    return follower
