"""Notifications in batches through one notifier: gRPC in → deduped, routed, a tenth in PostgreSQL → one follower of everybody.
Then through two of them, which is how production runs it: a sender to each, and the follower of everything at the first.

Beside it the ceiling: XADDs of the same payload, one notification each, pipelined as raw RESP (no client library's objects) to the
same Valkey, which does nothing else meanwhile. Sender and follower share this process, and everything shares the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Self
from urllib.parse import urlsplit

import hiredis

from bench.notifier_rig import Notifier, Rig, rig
from bench.result import Result, percentile
from tradewinds import auth
from tradewinds.v1 import notifier_pb2 as pb

_USERS: Final = 1_000
_SECONDS: Final = 10.0
_AHEAD: Final = 6
_KEPT_EVERY: Final = 10
_PACED, _PACED_BATCH, _PACED_SECONDS = 50_000, 100, 5.0
_RAW_BATCH, _RAW_SECONDS = 500, 2.0
_STREAM: Final = "/tradewinds.v1.Notifier/StreamNotifications"
# Of the same width as what takes their place.
_NUMBER, _MOMENT = b"@number@", b"@sent@at@perf@count"


async def run() -> list[Result]:
    """With a dedupe key on those that are kept, then on every one; at half the target, how old they arrive; and two notifiers."""
    async with rig() as there:
        # Once before and once after: the machine may have other work too.
        appended = await _raw_appends(there.redis_url)
        throughput, cost = await _throughput(there, [_Load("a", 1_000, keyed_all=False)])
        all_keyed, _ = await _throughput(there, [_Load("b", 1_000, keyed_all=True)])
        ages = await _paced(there, _Load("c", _PACED_BATCH, keyed_all=False))
        appended = max(appended, await _raw_appends(there.redis_url))
    async with rig(replicas=2) as there:
        loads = [_Load(name, 1_000, keyed_all=False) for name in ("d", "e")]
        by_two, cost_by_two = await _throughput(there, loads)
    name = "notification_throughput"
    return [
        Result(f"{name}.to_firehose", throughput, "notifications/s", ">= 100000", appended),
        Result(f"{name}.to_firehose.notifier_cpu", cost, "us/notification"),
        Result(f"{name}.to_firehose_all_keyed", all_keyed, "notifications/s", ceiling=appended),
        Result(f"{name}.age_at_{_PACED}_per_second.p50", percentile(ages, 50), "ms"),
        Result(f"{name}.age_at_{_PACED}_per_second.p99", percentile(ages, 99), "ms", "< 10"),
        Result(f"{name}.two_notifiers", by_two, "notifications/s", ">= 100000", appended),
        Result(f"{name}.two_notifiers.cpu", cost_by_two, "us/notification"),
    ]


class _Load:
    """Batches for many users, as bytes: this process must not be what is measured. One in ten is kept, and has a dedupe key."""

    def __init__(self, name: str, size: int, *, keyed_all: bool) -> None:
        self.size = size
        self._number = 0
        requests = [self._one(name, index, keyed_all=keyed_all) for index in range(size)]
        self._template = pb.StreamNotificationsRequest(requests=requests).SerializeToString()

    @staticmethod
    def _one(name: str, index: int, *, keyed_all: bool) -> pb.SendNotificationRequest:
        kept = index % _KEPT_EVERY == 0
        request = pb.SendNotificationRequest(
            user_id=f"user-{index % _USERS}",
            type="ORDER_EXECUTED" if kept else "ORDER_PARTIALLY_FILLED",
            title="10 RELIANCE bought at 1400.05",
            message=f"10 of 10, {_MOMENT.decode()}",
            dedupe_key=f"{name}-{_NUMBER.decode()}-{index}" if kept or keyed_all else "",
        )
        request.data.update({"order_id": "ord-06h055j1n5e0zsrzesyvtz6j44", "instrument": "NSE:RELIANCE-EQ"})
        return request

    def batch(self) -> bytes:
        """The next one; it says when it was made."""
        self._number += 1
        numbered = self._template.replace(_NUMBER, b"%08d" % self._number)
        return numbered.replace(_MOMENT, b"%019d" % time.perf_counter_ns())


class _Firehose:
    """Follows everybody, counts, and looks at every hundredth's age in milliseconds."""

    def __init__(self, there: Rig) -> None:
        request = pb.WatchNotificationsRequest(all_users=True)
        self._watch = there.stub.WatchNotifications(request, metadata=there.metadata("bench", auth.SERVICE))
        self._received = 0
        self._expected: int | None = None
        self._complete = asyncio.Event()
        self.ages: list[float] = []

    async def __aenter__(self) -> Self:
        await self._watch.read()
        self._following = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._following.cancel()
        self._watch.cancel()
        await asyncio.gather(self._following, return_exceptions=True)

    async def received(self, total: int) -> None:
        """Wait until so many have come."""
        self._expected = total
        self._look()
        waiting = asyncio.create_task(self._complete.wait())
        await asyncio.wait({waiting, self._following}, return_when=asyncio.FIRST_COMPLETED)
        if self._following.done():
            self._following.result()

    async def _follow(self) -> None:
        while True:
            response = await self._watch.read()
            if not response.resumed:
                raise RuntimeError(f"the follower lost something: {response.end}")
            now = time.perf_counter_ns()
            self._received += len(response.notifications)
            self.ages += [(now - int(one.message[-len(_MOMENT) :])) / 1e6 for one in response.notifications[::100]]
            self._look()

    def _look(self) -> None:
        if self._expected is not None and self._received >= self._expected:
            self._complete.set()


async def _throughput(there: Rig, loads: Sequence[_Load]) -> tuple[float, float]:
    """Notifications a second, from the first batch sent to the last one received, one load to each notifier; and what each costs the
    notifiers in microseconds."""
    async with _Firehose(there) as firehose:
        started, used = time.perf_counter(), there.notifier_cpu_seconds()
        metadata = there.metadata("bench", auth.SERVICE)
        sent = await asyncio.gather(
            *[_send_for_a_while(*pair, metadata) for pair in zip(there.notifiers, loads, strict=True)]
        )
        await firehose.received(sum(sent))
        elapsed, used = time.perf_counter() - started, there.notifier_cpu_seconds() - used
    return sum(sent) / elapsed, used / sum(sent) * 1e6


async def _send_for_a_while(notifier: Notifier, load: _Load, metadata: Any) -> int:
    """As fast as they are acknowledged; how many."""
    room, batches, started = asyncio.Semaphore(_AHEAD), 0, time.perf_counter()

    async def made() -> AsyncIterator[bytes]:
        nonlocal batches
        while time.perf_counter() - started < _SECONDS:
            await room.acquire()
            batches += 1
            yield load.batch()

    async for _ in _stream(notifier, made(), metadata):
        room.release()
    return batches * load.size


async def _paced(there: Rig, load: _Load) -> list[float]:
    """Ages at a steady rate."""
    batches = int(_PACED * _PACED_SECONDS) // load.size

    async def made() -> AsyncIterator[bytes]:
        started = time.perf_counter()
        for number in range(batches):
            await asyncio.sleep(max(0.0, started + number * load.size / _PACED - time.perf_counter()))
            yield load.batch()

    async with _Firehose(there) as firehose:
        async for _ in _stream(there.notifiers[0], made(), there.metadata("bench", auth.SERVICE)):
            pass
        await firehose.received(batches * load.size)
    return firehose.ages


def _stream(notifier: Notifier, batches: AsyncIterator[bytes], metadata: Any) -> Any:
    call = notifier.channel.stream_stream(
        _STREAM, request_serializer=None, response_deserializer=pb.StreamNotificationsResponse.FromString
    )
    return call(batches, metadata=metadata)


async def _raw_appends(url: str) -> float:
    """XADDs a second of one notification each."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    payload = _Load("raw", 1, keyed_all=True).batch()
    command = hiredis.pack_command(("XADD", "bench", "MAXLEN", "~", "10000", "*", "b", payload))  # type: ignore[arg-type] # the stubs know one argument
    answers, done, started = hiredis.Reader(), 0, time.perf_counter()
    while time.perf_counter() - started < _RAW_SECONDS:
        writer.write(command * _RAW_BATCH)
        answered = 0
        while answered < _RAW_BATCH:
            answers.feed(await reader.read(65_536))
            while answers.gets() is not False:
                answered += 1
        done += answered
    writer.close()
    return done / (time.perf_counter() - started)
