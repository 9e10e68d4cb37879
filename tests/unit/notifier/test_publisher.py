"""One write at a time: at once when idle, nobody overtakes, and what was perhaps not written is marked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from notifier.realtime.hub import Hub
from notifier.realtime.publisher import Publisher
from notifier.realtime.wire import Told
from notifier.types import DeliveryClass
from tests.support.waiting import eventually
from tradewinds.errors import UnavailableError
from tradewinds.redis_keys import NOTIFICATION_SHARDS

EPOCH = b"12345678"


class SlowStore:
    """A write takes until `answer` is set; `written` has the frames of each."""

    def __init__(self) -> None:
        self.written: list[list[bytes]] = []
        self.marked: list[tuple[int, bytes]] = []
        self.answer = asyncio.Event()
        self.error: Exception | None = None
        self.under_way = 0

    async def append(self, entries: Sequence[tuple[int, bytes, bytes]], remember: Mapping[str, str]) -> None:
        self.under_way += 1
        assert self.under_way == 1
        try:
            self.written.append([frames for _, frames, _ in entries])
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


def tell(publisher: Publisher, frames: bytes) -> asyncio.Task[None]:
    told = Told("alice", frames, DeliveryClass.REALTIME)
    return asyncio.create_task(publisher.publish([told], {}, 1))


async def test_an_idle_publisher_writes_at_once(store: SlowStore, publisher: Publisher) -> None:
    telling = tell(publisher, b"1")
    await asyncio.sleep(0)
    assert store.written == [[b"1"]]
    store.answer.set()
    await telling


async def test_what_comes_during_a_write_goes_together_in_the_next_one_and_nobody_overtakes(
    store: SlowStore, publisher: Publisher
) -> None:
    telling = [tell(publisher, frames) for frames in (b"1", b"2", b"3")]
    await asyncio.sleep(0)
    assert store.written == [[b"1"]]
    store.answer.set()
    while store.under_way:  # noqa: ASYNC110 - until the very moment
        await asyncio.sleep(0)
    telling.append(tell(publisher, b"4"))  # the first is over, the waiting ones are not under way yet
    await asyncio.gather(*telling)
    assert b"".join(frames for write in store.written for frames in write) == b"1234"


async def test_who_goes_away_during_their_write_leaves_a_mark_and_holds_up_nobody(
    store: SlowStore, publisher: Publisher
) -> None:
    gone, other = tell(publisher, b"1"), tell(publisher, b"2")
    await asyncio.sleep(0)
    gone.cancel()
    store.answer.set()
    await other
    assert gone.cancelled()
    assert store.written == [[b"1"], [b"2"]]
    await eventually(lambda: len(store.marked) == 1)


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
