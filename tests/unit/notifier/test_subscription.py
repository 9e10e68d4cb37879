"""One follower's queue."""

from __future__ import annotations

import asyncio

from notifier.realtime import wire
from notifier.realtime.cursor import START, Cursor
from notifier.realtime.deliveries import Delivery, deliveries
from notifier.realtime.subscription import SERVER_STOPPING, SLOW_CONSUMER, Subscription
from tests.unit.notifier.builders import a_notification, an_entry, id_of, told

EPOCH = b"12345678"
HEARTBEAT = 0.01
LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


def a_delivery(number: int, *, message: str = "", type_: str = KEPT) -> Delivery:
    notification = a_notification(f"ntf-{number}", message=message, type=type_)
    return Delivery(told(notification), Cursor(EPOCH, 0, number))


def a_subscription(queue_bytes: int = 100_000, position: Cursor | None = None) -> Subscription:
    return Subscription("alice", lambda: position or Cursor(EPOCH, 0, START), queue_bytes=queue_bytes)


async def ids(subscription: Subscription) -> list[str]:
    batch = await subscription.take(HEARTBEAT)
    return [id_of(delivery.told) for delivery in batch.deliveries]


async def test_everything_that_waits_comes_at_once_and_in_order() -> None:
    subscription = a_subscription()
    for number in (1, 2, 3):
        subscription.push(a_delivery(number))
    assert await ids(subscription) == ["ntf-1", "ntf-2", "ntf-3"]
    assert await ids(subscription) == []


async def test_a_waiting_reader_is_woken() -> None:
    subscription = a_subscription()
    reading = asyncio.create_task(subscription.take(10))
    await asyncio.sleep(0)
    subscription.push(a_delivery(1))
    assert len((await reading).deliveries) == 1


async def test_a_heartbeat_carries_the_shards_position() -> None:
    position = Cursor(EPOCH, 0, 99)
    assert (await a_subscription(position=position).take(HEARTBEAT)).cursor == position.encode()


async def test_a_batchs_cursor_is_its_last_ones() -> None:
    subscription = a_subscription()
    subscription.push(a_delivery(1))
    subscription.push(a_delivery(2))
    assert (await subscription.take(HEARTBEAT)).cursor == a_delivery(2).cursor.encode()


async def test_a_replay_comes_before_what_came_live_meanwhile() -> None:
    subscription = a_subscription()
    subscription.start_at(a_delivery(1).cursor)
    subscription.push(a_delivery(4))
    subscription.begin_with([a_delivery(2), a_delivery(3)])
    assert await ids(subscription) == ["ntf-2", "ntf-3", "ntf-4"]


async def test_what_lies_before_the_cursor_is_not_told_again() -> None:
    # The replica that the follower came from was ahead of this one.
    subscription = a_subscription()
    subscription.start_at(a_delivery(2).cursor)
    for number in (1, 2, 3):
        subscription.push(a_delivery(number))
    assert await ids(subscription) == ["ntf-3"]


async def test_a_resync_is_told_once_and_between_what_was_before_and_after() -> None:
    subscription = a_subscription()
    subscription.push(a_delivery(1))
    subscription.resync()
    subscription.resync()
    subscription.push(a_delivery(2))
    before = await subscription.take(HEARTBEAT)
    after = await subscription.take(HEARTBEAT)
    assert (before.resync, len(before.deliveries)) == (False, 1)
    assert (after.resync, len(after.deliveries)) == (True, 1)
    assert not (await subscription.take(HEARTBEAT)).resync


async def test_a_slow_follower_is_ended_and_its_queue_is_given_up() -> None:
    subscription = a_subscription(queue_bytes=5_000)
    for number in range(100):
        subscription.push(a_delivery(number, message="x" * 1000))
    batch = await subscription.take(HEARTBEAT)
    assert batch.end is not None
    assert batch.end.reason == SLOW_CONSUMER
    assert batch.deliveries == ()


async def test_a_stop_is_told_after_what_still_waits() -> None:
    subscription = a_subscription()
    subscription.push(a_delivery(1))
    subscription.end(SERVER_STOPPING, "bye")
    subscription.push(a_delivery(2))
    batch = await subscription.take(HEARTBEAT)
    assert [id_of(delivery.told) for delivery in batch.deliveries] == ["ntf-1"]
    assert batch.end is not None
    assert batch.end.reason == SERVER_STOPPING


def test_only_a_users_own_are_theirs_and_their_last_one_stands_for_the_whole_entry() -> None:
    batch = [a_notification("a1"), a_notification("b1", "bob"), a_notification("a2"), a_notification("b2", "bob")]
    _, frames, index = an_entry(0, *batch)
    mine = list(deliveries(EPOCH, 0, 5, wire.decode_index(index), frames, {"alice"}))
    assert [(id_of(d.told), d.cursor) for d in mine] == [("a1", Cursor(EPOCH, 0, 5, 0)), ("a2", Cursor(EPOCH, 0, 5))]


def test_one_that_has_expired_is_not_told_any_more() -> None:
    _, frames, index = an_entry(0, a_notification("old", expires_us=1), a_notification("b", expires_us=4 * 10**15))
    of_one = deliveries(EPOCH, 0, 5, wire.decode_index(index), frames, {"alice"})
    everybodys = wire.whole(wire.decode_index(index), frames)
    assert [id_of(delivery.told) for delivery in of_one] == [id_of(everybodys)] == ["b"]
    assert everybodys.count == 1


async def test_a_slow_follower_is_told_how_many_realtime_ones_were_left_out() -> None:
    subscription = a_subscription(queue_bytes=5_000)
    subscription.push(a_delivery(1))
    dropped = sum(subscription.push(a_delivery(n, message="x" * 1000, type_=LIVE)) for n in range(2, 52))
    subscription.push(a_delivery(52))
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
        subscription.push(a_delivery(number, message="x" * 1200))
    assert subscription.push(a_delivery(4, message="x" * 1200, type_=LIVE)) == 1
    batch = await subscription.take(HEARTBEAT)
    assert [id_of(one.told) for one in batch.deliveries] == ["ntf-1", "ntf-2", "ntf-3"]
    assert (await subscription.take(HEARTBEAT)).dropped == 1
    assert subscription.ended is None


async def test_a_follower_that_was_too_slow_to_hear_of_a_loss_resumes_from_before_it() -> None:
    subscription = a_subscription(queue_bytes=2_000)
    subscription.push(a_delivery(1))
    await subscription.take(HEARTBEAT)
    subscription.resync()
    subscription.push(a_delivery(5, message="x" * 3000))
    batch = await subscription.take(HEARTBEAT)
    assert batch.end is not None
    assert batch.cursor == a_delivery(1).cursor.encode()
