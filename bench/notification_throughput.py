"""Notifications in batches through one notifier: gRPC in → deduped, routed, a tenth in PostgreSQL → one follower of everybody.
Then through two of them, which is how production runs it: a sender to each, and the follower of everything at the first.

Beside it the ceiling: XADDs of the same payload, one notification each, pipelined as raw RESP (no client library's objects) to the
same Valkey, which does nothing else meanwhile. Each is packed from a payload of its own, as whoever has something different to say
must (`raw_xadd`); what is left when one command is packed once and repeated is `raw_xadd_repeated`. Sender and follower share this
process, and everything shares the machine: both handle bytes, and what everybody used of the processors is told beside the speed.
"""

from __future__ import annotations

import asyncio
import os
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
_SECONDS: Final = float(os.environ.get("NOTIFICATION_SECONDS", "10"))
_AHEAD: Final = 6
_KEPT_EVERY: Final = 10
_PACED, _PACED_BATCH, _PACED_SECONDS = 50_000, 100, 5.0
_RAW_BATCH, _RAW_SECONDS, _RAW_PAYLOADS = 200, 2.0, 2_000
_STREAM: Final = "/tradewinds.v1.Notifier/StreamNotifications"
_WATCH: Final = "/tradewinds.v1.Notifier/WatchNotifications"
# Of the same width as what takes their place.
_NUMBER, _MOMENT = b"@number@", b"@sent@at@perf@count"
# Once in each notification, before the moment at which it was sent.
_MARK: Final = b"10 of 10, "
_LOOKED_AT_EVERY: Final = 100
# The end of a response that says no more than that nothing was lost.
_RESUMED: Final = pb.WatchNotificationsResponse(resumed=True).SerializeToString()


async def run() -> list[Result]:
    """With a dedupe key on those that are kept, then on every one; at half the target, how old they arrive; and two notifiers."""
    async with rig() as there:
        # Once before and once after: the machine may have other work too.
        before = await _ceilings(there.redis_url)
        throughput, costs = await _throughput(there, [_Load("a", 1_000, keyed_all=False)])
        all_keyed, _ = await _throughput(there, [_Load("b", 1_000, keyed_all=True)])
        ages = await _paced(there, _Load("c", _PACED_BATCH, keyed_all=False))
        own, repeated = map(max, zip(before, await _ceilings(there.redis_url), strict=True))
    async with rig(replicas=2) as there:
        loads = [_Load(name, 1_000, keyed_all=False) for name in ("d", "e")]
        by_two, costs_by_two = await _throughput(there, loads)
    name = "notification_throughput"
    return [
        Result(f"{name}.raw_xadd", own, "XADDs/s"),
        Result(f"{name}.raw_xadd_repeated", repeated, "XADDs/s"),
        Result(f"{name}.to_firehose", throughput, "notifications/s", ">= 100000", own),
        *[Result(f"{name}.to_firehose.{who}_cpu", cost, "us/notification") for who, cost in costs.items()],
        Result(f"{name}.to_firehose_all_keyed", all_keyed, "notifications/s", ceiling=own),
        Result(f"{name}.age_at_{_PACED}_per_second.p50", percentile(ages, 50), "ms"),
        Result(f"{name}.age_at_{_PACED}_per_second.p99", percentile(ages, 99), "ms", "< 10"),
        Result(f"{name}.two_notifiers", by_two, "notifications/s", ">= 100000", own),
        Result(f"{name}.two_notifiers.notifier_cpu", costs_by_two["notifier"], "us/notification"),
    ]


async def _ceilings(url: str) -> tuple[float, float]:
    return await _raw_appends(url, repeated=False), await _raw_appends(url, repeated=True)


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
            message=f"{_MARK.decode()}{_MOMENT.decode()}",
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
        watch = there.notifiers[0].channel.unary_stream(_WATCH, request_serializer=None, response_deserializer=None)
        request = pb.WatchNotificationsRequest(all_users=True).SerializeToString()
        self._watch = watch(request, metadata=there.metadata("bench", auth.SERVICE))
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
            if not response.endswith(_RESUMED):
                end = pb.WatchNotificationsResponse.FromString(response).end
                raise RuntimeError(f"the follower lost something: {end}")
            now, count = time.perf_counter_ns(), response.count(_MARK)
            self._received += count
            for number in range(0, count, _LOOKED_AT_EVERY):
                at = response.find(_MARK, len(response) * number // count) + len(_MARK)
                self.ages.append((now - int(response[at : at + len(_MOMENT)])) / 1e6)
            self._look()

    def _look(self) -> None:
        if self._expected is not None and self._received >= self._expected:
            self._complete.set()


async def _throughput(there: Rig, loads: Sequence[_Load]) -> tuple[float, dict[str, float]]:
    """Notifications a second, from the first batch sent to the last one received, one load to each notifier; and what each costs whom
    in microseconds."""
    async with _Firehose(there) as firehose:
        started, used = time.perf_counter(), there.cpu_seconds()
        metadata = there.metadata("bench", auth.SERVICE)
        sent = await asyncio.gather(
            *[_send_for_a_while(*pair, metadata) for pair in zip(there.notifiers, loads, strict=True)]
        )
        await firehose.received(sum(sent))
        elapsed, after = time.perf_counter() - started, there.cpu_seconds()
    return sum(sent) / elapsed, {who: (after[who] - used.get(who, 0.0)) / sum(sent) * 1e6 for who in after}


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


async def _raw_appends(url: str, *, repeated: bool) -> float:
    """XADDs a second of one notification each, in pipelines; `repeated`: one command, packed once."""
    parts, load = urlsplit(url), _Load("raw", 1, keyed_all=True)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    payloads = [load.batch() for _ in range(_RAW_PAYLOADS)]
    packed = _packed(payloads[:1]) * _RAW_BATCH
    answers, done, started = hiredis.Reader(), 0, time.perf_counter()
    while time.perf_counter() - started < _RAW_SECONDS:
        at = done % _RAW_PAYLOADS
        writer.write(packed if repeated else _packed(payloads[at : at + _RAW_BATCH]))
        answered = 0
        while answered < _RAW_BATCH:
            answers.feed(await reader.read(65_536))
            while answers.gets() is not False:
                answered += 1
        done += answered
    writer.close()
    return done / (time.perf_counter() - started)


def _packed(payloads: Sequence[bytes]) -> bytes:
    # The stubs know one kind of argument.
    commands = [("XADD", "bench", "MAXLEN", "~", "10000", "*", "b", payload) for payload in payloads]
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
