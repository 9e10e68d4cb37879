"""Notifications to many followers: 1,000 server-sent event streams, each of another user, and what 5,000 of them hold in memory.

Followers are bare sockets in this process, at the notifier itself. Beside the ages the floor: the same bytes at the same rate to as
many sockets of a process that does nothing but write them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from bench.notifier_rig import Rig, rig
from bench.result import Result, percentile
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.v1 import notifier_pb2 as pb

_FOLLOWERS, _RATE, _SECONDS = 1_000, 30_000, 5.0
_EVERY_SECONDS, _MOST = 0.002, 1_000
_MANY: Final = 5_000
_OPENED_AT_ONCE: Final = 100
_MARK, _DIGITS = b"sent@", 19


async def run() -> list[Result]:
    """Ages in milliseconds; megabytes, beside what the notifier holds without followers."""
    async with rig() as there:
        empty = there.notifier_megabytes()
        ages: list[float] = []
        followers = [await _open(there, ages, number) for number in range(_FOLLOWERS)]
        achieved = await _paced(there, ages)
        at_rate = list(ages)
        followers += [await _open(there, ages, number) for number in range(_FOLLOWERS, _MANY)]
        full = there.notifier_megabytes()
        for follower in followers:
            follower.close()
    name = f"notification_fanout.to_{_FOLLOWERS}_followers"
    return [
        Result(f"{name}.rate", achieved, "notifications/s", f">= {_RATE}"),
        Result(f"{name}.p50", percentile(at_rate, 50), "ms"),
        Result(f"{name}.p99", percentile(at_rate, 99), "ms", "< 5"),
        Result(f"notification_fanout.{_MANY}_followers", full, "MB", "< 400", empty),
    ]


class _Follower(asyncio.Protocol):
    """Reads one stream, and notes how old each notification is."""

    def __init__(self, ages: list[float], request: bytes) -> None:
        self._ages = ages
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
        while (at := self._unread.find(_MARK)) >= 0 and len(self._unread) >= (end := at + len(_MARK) + _DIGITS):
            self._ages.append((now - int(self._unread[at + len(_MARK) : end])) / 1e6)
            self._unread = self._unread[end:]

    def close(self) -> None:
        self._transport.close()


async def _open(there: Rig, ages: list[float], number: int) -> _Follower:
    host, _, port = there.http_address.partition(":")
    head = (
        f"GET /v1/notifications/stream HTTP/1.1\r\nHost: bench\r\n"
        f"Authorization: Bearer {there.signing.token(_user(number))}\r\n\r\n"
    )
    _, follower = await asyncio.get_running_loop().create_connection(
        lambda: _Follower(ages, head.encode()), host, int(port)
    )
    await follower.live
    return follower


def _user(number: int) -> str:
    return f"user-{number}"


async def _paced(there: Rig, ages: Sequence[float]) -> float:
    """Send at the rate, each to the next follower; how many a second arrived."""
    total = int(_RATE * _SECONDS)

    async def due() -> AsyncIterator[pb.StreamNotificationsRequest]:
        sent = 0
        while sent < total:
            count = min(total, int((time.perf_counter() - started) * _RATE), sent + _MOST) - sent
            if count > 0:
                yield pb.StreamNotificationsRequest(requests=[_request(sent + n) for n in range(count)])
                sent += count
            await asyncio.sleep(_EVERY_SECONDS)

    started = time.perf_counter()
    async for _ in there.stub.StreamNotifications(due(), metadata=there.metadata("bench", auth.SERVICE)):
        pass
    await eventually(lambda: len(ages) >= total, timeout=60)
    return total / (time.perf_counter() - started)


def _request(number: int) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(
        user_id=_user(number % _FOLLOWERS),
        type="ORDER_PARTIALLY_FILLED",
        title="10 RELIANCE bought at 1400.05",
        message=f"{_MARK.decode()}{time.perf_counter_ns():0{_DIGITS}d}",
    )
