"""One write at a time: at once when idle, nobody overtakes, and what was perhaps not written is marked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import pytest

from notifier.realtime.composing import bulk_of
from notifier.realtime.hub import Hub
from notifier.realtime.publisher import Publisher
from notifier.realtime.wire import Told
from notifier.types import DeliveryClass
from tests.support.waiting import eventually
from tradewinds.errors import UnavailableError
from tradewinds.redis_keys import NOTIFICATION_SHARDS

EPOCH = b"12345678"


class SlowStore:
    """A write takes until `answer` is set; `written` has the frames of each, `connecting` says how many had to connect first."""

    def __init__(self) -> None:
        self.written: list[list[bytes]] = []
        self.marked: list[tuple[int, bytes]] = []
        self.answer = asyncio.Event()
        self.error: Exception | None = None
        self.under_way = 0
        self.connected = True
        self.connecting = 0

    def append_at_once(
        self,
        entries: Sequence[tuple[int, bytes, bytes]],
        remember: Mapping[str, str],
        done: Callable[[BaseException | None], None],
    ) -> bool:
        if not self.connected:
            return False
        self._begin(entries)
        writing = asyncio.create_task(self._end())
        writing.add_done_callback(lambda task: done(task.exception()))
        return True

    async def append(self, entries: Sequence[tuple[int, bytes, bytes]], remember: Mapping[str, str]) -> None:
        self.connecting += 1
        self._begin(entries)
        await self._end()
        self.connected = True

    def _begin(self, entries: Sequence[tuple[int, bytes, bytes]]) -> None:
        self.under_way += 1
        assert self.under_way == 1
        self.written.append([frames for _, frames, _ in entries])

    async def _end(self) -> None:
        try:
            await self.answer.wait()
            if self.error is not None:
                raise self.error
        finally:
            self.under_way -= 1

    async def mark_gap(self, shard: int, epoch: bytes) -> None:
        self.marked.append((shard, epoch))


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
async def publisher(store: SlowStore) -> AsyncIterator[Publisher]:
    hub = Hub()
    hub.begin(EPOCH, [0] * NOTIFICATION_SHARDS)
    publisher = Publisher(store, hub)  # type: ignore[arg-type] # what it needs of a store
    tasks = [asyncio.create_task(publisher.run()), asyncio.create_task(publisher.mark_gaps())]
    yield publisher
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def tell(publisher: Publisher, frames: bytes) -> asyncio.Future[None]:
    return publisher.publish(bulk_of([Told("alice", frames, DeliveryClass.REALTIME)]), {}, 1)


async def test_an_idle_publisher_writes_in_the_very_call(store: SlowStore, publisher: Publisher) -> None:
    telling = tell(publisher, b"1")
    assert store.written == [[b"1"]]
    store.answer.set()
    await telling


async def test_what_comes_during_a_write_goes_together_in_the_next_one_and_nobody_overtakes(
    store: SlowStore, publisher: Publisher
) -> None:
    telling = [tell(publisher, frames) for frames in (b"1", b"2", b"3")]
    assert store.written == [[b"1"]]
    store.answer.set()
    while store.under_way:  # noqa: ASYNC110 - until the very moment
        await asyncio.sleep(0)
    telling.append(tell(publisher, b"4"))  # the first is over, the waiting ones are not under way yet
    await asyncio.gather(*telling)
    assert b"".join(frames for write in store.written for frames in write) == b"1234"


async def test_who_goes_away_during_their_write_takes_nothing_back_and_holds_up_nobody(
    store: SlowStore, publisher: Publisher
) -> None:
    gone, waiting, other = (tell(publisher, frames) for frames in (b"1", b"2", b"3"))
    gone.cancel()
    waiting.cancel()
    store.answer.set()
    await other
    assert store.written == [[b"1"], [b"23"]]
    assert store.marked == []


async def test_without_a_connection_it_waits_for_one_and_nobody_overtakes(
    store: SlowStore, publisher: Publisher
) -> None:
    store.connected = False
    telling = [tell(publisher, frames) for frames in (b"1", b"2")]
    assert store.written == []
    await eventually(lambda: store.written == [[b"1"]])
    telling.append(tell(publisher, b"3"))
    store.answer.set()
    await asyncio.gather(*telling)
    assert store.written == [[b"1"], [b"23"]]
    assert store.connecting == 1


async def test_a_write_that_fails_is_told_to_all_who_are_in_it_and_marked(
    store: SlowStore, publisher: Publisher
) -> None:
    store.error = ConnectionResetError("cut")
    telling = [tell(publisher, frames) for frames in (b"1", b"2")]
    store.answer.set()
    for one in telling:
        with pytest.raises(UnavailableError, match="Redis did not take it"):
            await one
    await eventually(lambda: store.marked != [])
