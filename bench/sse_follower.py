"""A follower that costs little: a bare socket that reads one event stream, of notifications that say when they were sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

_MARK: Final = b"sent@"
_DIGITS: Final = 19
_LINE_END: Final = ord("\n")

# Stands in a message for what `sent_now` says.
UNSENT: Final = _MARK + bytes(_DIGITS)


def sent_now() -> bytes:
    """In the place of `UNSENT`, as long as it."""
    return _MARK + b"%0*d" % (_DIGITS, time.perf_counter_ns())


class SseFollower(asyncio.Protocol):
    """Gives whole lines of its stream to `heard`, as they come."""

    def __init__(self, heard: Callable[[bytes], None], request: bytes) -> None:
        self.heard = heard
        self._request = request
        self._begun = b""
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._begun or data[-1] != _LINE_END:
            whole, end, self._begun = (self._begun + data).rpartition(b"\n")
            data = whole + end
        if not self.live.done() and b": beat" in data:
            self.live.set_result(None)
        self.heard(data)

    def close(self) -> None:
        self._transport.close()


def count_in(lines: bytes) -> int:
    """How many notifications they hold."""
    return lines.count(_MARK)


def ages_in(lines: bytes) -> Iterator[float]:
    """How old each notification in them is now, in milliseconds."""
    now = time.perf_counter_ns()
    for after in lines.split(_MARK)[1:]:
        yield (now - int(after[:_DIGITS])) / 1e6


async def follow(address: str, token: str, heard: Callable[[bytes], None]) -> SseFollower:
    """At `address` (`host:port`), live when this returns."""
    host, _, port = address.partition(":")
    request = f"GET /v1/notifications/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
    _, follower = await asyncio.get_running_loop().create_connection(
        lambda: SseFollower(heard, request.encode()), host, int(port)
    )
    await follower.live
    return follower
