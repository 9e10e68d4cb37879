"""A network that loses one piece in a hundred, between the notifier and Redis and between it and a follower: what is kept is missed by
nobody, and of what is only told every hole is known to the follower.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import httpx

from tests.integration.notifier.conftest import Caller, environment
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.sse import event_stream
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import eventually
from tradewinds.v1 import notifier_pb2 as pb

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"
COUNT, KEPT_EVERY, LAST = 600, 10, "last"
RESYNC = -1


async def test_whoever_resumes_misses_nothing_that_is_kept_and_knows_every_hole(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    at_redis, is_lossy = urlsplit(redis_url), asyncio.Event()

    def lossy() -> Callable[[], bool]:
        """One piece in a hundred, however many pieces a busy machine makes of it."""
        numbers = count(1)
        return lambda: is_lossy.is_set() and next(numbers) % 100 == 0

    assert at_redis.hostname is not None
    assert at_redis.port is not None
    async with TcpProxy(at_redis.hostname, at_redis.port, lossy()) as to_redis:
        proxied = at_redis._replace(netloc=at_redis.netloc.replace(f":{at_redis.port}", f":{to_redis.port}")).geturl()
        async with ServiceProcess("notifier", environment(database_url, proxied, signing), tmp_path) as notifier:
            host, _, port = notifier.facts["http"].partition(":")
            async with (
                TcpProxy(host, int(port), lossy()) as to_follower,
                Caller(notifier.facts["grpc"], signing, "alice") as alice,
            ):
                follower = Follower(f"http://127.0.0.1:{to_follower.port}", alice)
                following = asyncio.create_task(follower.run())
                await asyncio.wait_for(follower.is_live.wait(), 20)
                is_lossy.set()
                accepted = await _send_all(alice)
                is_lossy.clear()
                await _insist(alice, LAST, LIVE)
                await asyncio.wait_for(following, 30)
            assert min(to_redis.lost, to_follower.lost) >= 1
    assert len(follower.seen) == len(set(follower.seen))
    missing = sorted(accepted - set(follower.seen))
    assert [number for number in missing if not follower.knows_of(number)] == []
    assert [number for number in missing if number % KEPT_EVERY == 0 and number not in follower.listed] == []
    assert len(missing) < COUNT // 2, (to_redis.lost, to_follower.lost)
    # It would have noticed.
    follower.log = [one for one in follower.log if one not in (RESYNC, 301)]
    assert not follower.knows_of(301)


class Follower:
    """Resumes by its cursor until it has seen the last one, and lists what is kept."""

    def __init__(self, url: str, alice: Caller) -> None:
        self._url, self._alice = url, alice
        self._cursor = ""
        self.is_live = asyncio.Event()
        self.log: list[int] = []
        self.listed: set[int] = set()

    @property
    def seen(self) -> list[int]:
        return [one for one in self.log if one != RESYNC]

    def knows_of(self, number: int) -> bool:
        """Whether it was told that something may be missing between what it saw before `number` and what it saw after."""
        after = next((at for at, one in enumerate(self.log) if one > number), len(self.log))
        before = max((at for at, one in enumerate(self.log[:after]) if RESYNC < one < number), default=-1)
        return RESYNC in self.log[before + 1 : after]

    async def run(self) -> None:
        while COUNT not in self.log:
            with suppress(httpx.TransportError, StopAsyncIteration, TimeoutError):
                await self._follow()
        await self._list()

    async def _follow(self) -> None:
        async with event_stream(self._url, self._alice.header, last_event_id=self._cursor) as events:
            self.is_live.set()
            while COUNT not in self.log:
                event = await events.next()
                if event.name == "notification":
                    self.log.append(COUNT if event.data["title"] == LAST else int(event.data["title"]))
                elif event.name == "resync":
                    self.log.append(RESYNC)
                self._cursor = event.last_event_id or self._cursor

    async def _list(self) -> None:
        page = await self._alice("ListNotifications", pb.ListNotificationsRequest(page_size=500))
        assert not page.next_page_token
        self.listed = {int(one.title) for one in page.notifications if one.title != LAST}


async def _send_all(alice: Caller) -> set[int]:
    """In order; what is kept is sent again until it is accepted, the rest once. Those that were accepted."""
    accepted = set()
    for number in range(COUNT):
        if number % KEPT_EVERY == 0:
            await _insist(alice, str(number), KEPT)
        elif not await _is_taken(alice, str(number), LIVE):
            continue
        accepted.add(number)
    return accepted


async def _insist(alice: Caller, title: str, type_: str) -> None:
    await eventually(lambda: _is_taken(alice, title, type_), timeout=20, interval=0.05)


async def _is_taken(alice: Caller, title: str, type_: str) -> bool:
    try:
        await alice("SendNotification", pb.SendNotificationRequest(type=type_, title=title, dedupe_key=f"key {title}"))
    except grpc.aio.AioRpcError as e:
        if e.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True
