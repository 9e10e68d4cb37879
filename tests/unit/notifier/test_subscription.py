"""One follower's queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from notifier.realtime import subscription as subscription_module
from notifier.realtime import wire
from notifier.realtime.cursor import START, Cursor, shard_of
from notifier.realtime.deliveries import Delivery, deliveries
from notifier.realtime.hub import Hub
from notifier.realtime.subscription import SERVER_STOPPING, SLOW_CONSUMER, Batch, Subscription
from tests.support.waiting import eventually
from tests.unit.notifier.builders import a_notification, an_entry, id_of, told
from tradewinds.redis_keys import NOTIFICATION_SHARDS

EPOCH = b"12345678"
HEARTBEAT = 0.01
LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


def a_delivery(number: int, *, message: str = "", type_: str = KEPT) -> Delivery:
    notification = a_notification(f"ntf-{number}", message=message, type=type_)
    return Delivery(told(notification), Cursor(EPOCH, 0, number))


def a_subscription(queue_bytes: int = 100_000, position: Cursor | None = None) -> Subscription:
    def stir(subscription: Subscription) -> None:
        asyncio.get_running_loop().call_soon(subscription.flush)

    return Subscription("alice", lambda: position or Cursor(EPOCH, 0, START), stir, queue_bytes=queue_bytes)


async def ids(subscription: Subscription) -> list[str]:
    batch = await subscription.take(HEARTBEAT)
    return [id_of(delivery.told) for delivery in batch.deliveries]


async def test_everything_that_waits_comes_at_once_and_in_order() -> None:
    subscription = a_subscription()
    for number in (1, 2, 3):
        subscription.tell([a_delivery(number)])
    assert await ids(subscription) == ["ntf-1", "ntf-2", "ntf-3"]
    assert await ids(subscription) == []


async def test_a_waiting_reader_is_woken() -> None:
    subscription = a_subscription()
    reading = asyncio.create_task(subscription.take(10))
    await asyncio.sleep(0)
    subscription.tell([a_delivery(1)])
    assert len((await reading).deliveries) == 1


async def test_a_heartbeat_carries_the_shards_position() -> None:
    position = Cursor(EPOCH, 0, 99)
    assert (await a_subscription(position=position).take(HEARTBEAT)).cursor == position.encode()


async def test_a_batchs_cursor_is_its_last_ones() -> None:
    subscription = a_subscription()
    subscription.tell([a_delivery(1)])
    subscription.tell([a_delivery(2)])
    assert (await subscription.take(HEARTBEAT)).cursor == a_delivery(2).cursor.encode()


async def test_a_replay_comes_before_what_came_live_meanwhile() -> None:
    subscription = a_subscription()
    subscription.start_at(a_delivery(1).cursor)
    subscription.tell([a_delivery(4)])
    subscription.begin_with([a_delivery(2), a_delivery(3)])
    assert await ids(subscription) == ["ntf-2", "ntf-3", "ntf-4"]


async def test_what_lies_before_the_cursor_is_not_told_again() -> None:
    # The replica that the follower came from was ahead of this one.
    subscription = a_subscription()
    subscription.start_at(a_delivery(2).cursor)
    for number in (1, 2, 3):
        subscription.tell([a_delivery(number)])
    assert await ids(subscription) == ["ntf-3"]


async def test_a_resync_is_told_once_and_between_what_was_before_and_after() -> None:
    subscription = a_subscription()
    subscription.tell([a_delivery(1)])
    subscription.resync()
    subscription.resync()
    subscription.tell([a_delivery(2)])
    before = await subscription.take(HEARTBEAT)
    after = await subscription.take(HEARTBEAT)
    assert (before.resync, len(before.deliveries)) == (False, 1)
    assert (after.resync, len(after.deliveries)) == (True, 1)
    assert not (await subscription.take(HEARTBEAT)).resync


async def test_a_slow_follower_is_ended_and_its_queue_is_given_up() -> None:
    subscription = a_subscription(queue_bytes=5_000)
    for number in range(100):
        subscription.tell([a_delivery(number, message="x" * 1000)])
    batch = await subscription.take(HEARTBEAT)
    assert batch.end is not None
    assert batch.end.reason == SLOW_CONSUMER
    assert batch.deliveries == ()


async def test_a_stop_is_told_after_what_still_waits() -> None:
    subscription = a_subscription()
    subscription.tell([a_delivery(1)])
    subscription.end(SERVER_STOPPING, "bye")
    subscription.tell([a_delivery(2)])
    batch = await subscription.take(HEARTBEAT)
    assert [id_of(delivery.told) for delivery in batch.deliveries] == ["ntf-1"]
    assert batch.end is not None
    assert batch.end.reason == SERVER_STOPPING


def test_only_a_users_own_are_theirs_and_their_last_one_stands_for_the_whole_entry() -> None:
    batch = [a_notification("a1"), a_notification("b1", "bob"), a_notification("a2"), a_notification("b2", "bob")]
    _, frames, index = an_entry(0, *batch)
    mine = deliveries(EPOCH, 0, 5, wire.decode_index(index), frames, {"alice"})["alice"]
    assert [(id_of(d.told), d.cursor) for d in mine] == [("a1", Cursor(EPOCH, 0, 5, 0)), ("a2", Cursor(EPOCH, 0, 5))]


def test_one_that_has_expired_is_not_told_any_more() -> None:
    _, frames, index = an_entry(0, a_notification("old", expires_us=1), a_notification("b", expires_us=4 * 10**15))
    of_one = deliveries(EPOCH, 0, 5, wire.decode_index(index), frames, {"alice"})["alice"]
    everybodys = wire.whole(wire.decode_index(index), frames)
    assert [id_of(delivery.told) for delivery in of_one] == [id_of(everybodys)] == ["b"]
    assert everybodys.count == 1


async def test_a_slow_follower_is_told_how_many_realtime_ones_were_left_out() -> None:
    subscription = a_subscription(queue_bytes=5_000)
    subscription.tell([a_delivery(1)])
    dropped = sum(subscription.tell([a_delivery(n, message="x" * 1000, type_=LIVE)]) for n in range(2, 52))
    subscription.tell([a_delivery(52)])
    kept = await subscription.take(HEARTBEAT)
    assert (kept.resync, [id_of(one.told) for one in kept.deliveries]) == (False, ["ntf-1"])
    rest = await subscription.take(HEARTBEAT)
    assert (rest.resync, rest.dropped) == (True, dropped)
    told_rest = [id_of(one.told) for one in rest.deliveries]
    assert told_rest == [f"ntf-{n}" for n in range(2 + dropped, 53)]
    assert dropped > 0


async def test_what_is_kept_is_not_left_out_for_what_is_live() -> None:
    subscription = a_subscription(queue_bytes=5_000)
    for number in range(1, 4):
        subscription.tell([a_delivery(number, message="x" * 1200)])
    assert subscription.tell([a_delivery(4, message="x" * 1200, type_=LIVE)]) == 1
    batch = await subscription.take(HEARTBEAT)
    assert [id_of(one.told) for one in batch.deliveries] == ["ntf-1", "ntf-2", "ntf-3"]
    assert (await subscription.take(HEARTBEAT)).dropped == 1
    assert subscription.ended is None


async def test_a_follower_that_was_too_slow_to_hear_of_a_loss_resumes_from_before_it() -> None:
    subscription = a_subscription(queue_bytes=2_000)
    subscription.tell([a_delivery(1)])
    await subscription.take(HEARTBEAT)
    subscription.resync()
    subscription.tell([a_delivery(5, message="x" * 3000)])
    batch = await subscription.take(HEARTBEAT)
    assert batch.end is not None
    assert batch.cursor == a_delivery(1).cursor.encode()


class FakeSink:
    """Takes what it is given; `room` is how many batches it still takes."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.batches: list[Batch] = []
        self.emptied = asyncio.Event()
        self.error: Exception | None = None
        self.aborted = False

    @property
    def has_room(self) -> bool:
        return self.room > 0

    def write(self, batch: Batch) -> None:
        if self.error is not None:
            raise self.error
        self.room -= 1
        self.batches.append(batch)

    async def drained(self) -> None:
        await self.emptied.wait()
        if self.aborted:
            raise ConnectionResetError
        self.room = 100

    def abort(self) -> None:
        self.aborted = True
        self.emptied.set()

    @property
    def ids(self) -> list[str]:
        return [id_of(delivery.told) for batch in self.batches for delivery in batch.deliveries]


@asynccontextmanager
async def pouring(
    subscription: Subscription, sink: FakeSink, heartbeat_seconds: float = 10
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(subscription.pour(sink, heartbeat_seconds))
    await asyncio.sleep(0)
    yield task
    task.cancel()
    await asyncio.wait({task})
    subscription.close()


async def test_what_is_routed_together_is_poured_together_and_at_once() -> None:
    subscription, sink = a_subscription(), FakeSink()
    subscription.tell([a_delivery(1)])  # before it began
    async with pouring(subscription, sink):
        subscription.tell([a_delivery(2), a_delivery(3)])
        assert [len(batch.deliveries) for batch in sink.batches] == [1, 2]
        assert sink.ids == ["ntf-1", "ntf-2", "ntf-3"]


async def test_what_a_full_sink_does_not_take_waits_and_comes_in_order() -> None:
    subscription, sink = a_subscription(), FakeSink(room=1)
    async with pouring(subscription, sink):
        for number in (1, 2, 3):
            subscription.tell([a_delivery(number)])
            await asyncio.sleep(0)
        assert sink.ids == ["ntf-1"]
        sink.emptied.set()
        await eventually(lambda: sink.ids == ["ntf-1", "ntf-2", "ntf-3"])


async def test_a_sink_that_stays_full_ends_its_stream_as_a_slow_reader_does() -> None:
    subscription, sink = a_subscription(queue_bytes=2_000), FakeSink(room=1)
    async with pouring(subscription, sink) as task:
        for number in range(1, 40):
            subscription.tell([a_delivery(number)])
            await asyncio.sleep(0)
        sink.emptied.set()
        await asyncio.wait_for(asyncio.shield(task), 5)
        assert sink.ids == ["ntf-1"]
        assert sink.batches[-1].end is not None
        assert sink.batches[-1].end.reason == SLOW_CONSUMER


async def test_who_never_reads_its_last_word_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription_module, "LAST_WORD_SECONDS", 0.01)
    subscription, sink = a_subscription(queue_bytes=2_000), FakeSink(room=1)
    subscription.let_go = sink.abort
    async with pouring(subscription, sink) as task:
        for number in range(1, 40):
            subscription.tell([a_delivery(number)])
            await asyncio.sleep(0)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(asyncio.shield(task), 5)
        assert sink.aborted


async def test_who_reads_nothing_is_ended_although_only_what_may_be_left_out_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscription_module, "STALLED_SECONDS", 0.01)
    subscription, sink = a_subscription(queue_bytes=2_000), FakeSink(room=1)
    async with pouring(subscription, sink):
        for number in range(1, 40):
            subscription.tell([a_delivery(number, type_=LIVE)])
            await asyncio.sleep(0)
        await eventually(lambda: subscription.ended is not None)
    taken = a_subscription()
    taken.tell([a_delivery(1)])
    await taken.take(HEARTBEAT)  # and never the next one
    await eventually(lambda: taken.ended is not None)
    assert (await taken.take(HEARTBEAT)).cursor == a_delivery(1).cursor.encode()
    taken.close()


async def test_one_that_stalls_among_thousands_ends_alone_and_holds_no_more_than_its_queue() -> None:
    hub = Hub(queue_bytes=50_000)
    hub.begin(EPOCH, [START] * NOTIFICATION_SHARDS)
    shard = shard_of("alice")
    followers = [(hub.add("alice"), FakeSink(room=0 if number == 1_000 else 100)) for number in range(2_000)]
    tasks = [asyncio.create_task(subscription.pour(sink, 60)) for subscription, sink in followers]
    stalled, unread = followers[1_000]
    try:
        for number in range(12):
            kept = a_notification(f"ntf-{number}", message="x" * 6_000)
            _, frames, packed = an_entry(shard, kept)
            hub.route(shard, number + 1, wire.decode_index(packed), frames)
            assert stalled.waiting_bytes <= 50_000
            await asyncio.sleep(0)
        assert stalled.ended is not None
        assert (stalled.ended.reason, stalled.waiting_bytes) == (SLOW_CONSUMER, 0)
        told_ids = [f"ntf-{number}" for number in range(12)]
        assert all(sink.ids == told_ids for _, sink in followers if sink is not unread)
        assert not any(subscription.ended for subscription, _ in followers if subscription is not stalled)
        unread.emptied.set()
        await asyncio.wait_for(tasks[1_000], 5)
        assert [batch.end is not None for batch in unread.batches] == [True]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for subscription, _ in followers:
            hub.remove(subscription)


async def test_the_last_word_is_poured_and_ends_it() -> None:
    subscription, sink = a_subscription(), FakeSink()
    async with pouring(subscription, sink) as task:
        subscription.tell([a_delivery(1)])
        subscription.end(SERVER_STOPPING, "stops")
        await asyncio.wait_for(asyncio.shield(task), 5)
        assert [batch.end is not None for batch in sink.batches] == [False, True]
        assert sink.ids == ["ntf-1"]


async def test_a_quiet_stream_that_is_poured_beats() -> None:
    subscription, sink = a_subscription(), FakeSink()
    async with pouring(subscription, sink, heartbeat_seconds=HEARTBEAT):
        await eventually(lambda: len(sink.batches) >= 3)
        assert {batch.cursor for batch in sink.batches} == {Cursor(EPOCH, 0, START).encode()}


async def test_a_sink_that_fails_fails_its_own_stream() -> None:
    subscription, sink = a_subscription(), FakeSink()
    async with pouring(subscription, sink) as task:
        sink.error = ValueError("no")
        subscription.tell([a_delivery(1)])
        with pytest.raises(ValueError, match="no"):
            await asyncio.wait_for(asyncio.shield(task), 5)
