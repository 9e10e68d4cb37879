"""The stream of new notifications: in order, acknowledged cumulatively, nothing twice after a break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import grpc
import pytest

from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.support.sse import event_stream
from tradewinds.errors import from_rpc_error
from tradewinds.v1 import notifier_pb2 as pb

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


def a_batch(numbers: Iterable[int]) -> pb.StreamNotificationsRequest:
    """Kept and live ones in turn: what is only told must not overtake what is being kept."""
    return pb.StreamNotificationsRequest(
        requests=[
            pb.SendNotificationRequest(type=(LIVE, KEPT)[number // 10 % 2], title=str(number), dedupe_key=str(number))
            for number in numbers
        ]
    )


async def several(*batches: pb.StreamNotificationsRequest) -> AsyncIterator[pb.StreamNotificationsRequest]:
    for batch in batches:
        yield batch


async def test_everything_is_told_in_order_and_acknowledged_cumulatively(shared: SharedNotifier, alice: Caller) -> None:
    batches = [a_batch(range(first, first + 10)) for first in range(0, 200, 10)]
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        acknowledged = [one async for one in alice.stream("StreamNotifications", several(*batches))]
        assert [int((await events.next()).data["title"]) for _ in range(200)] == list(range(200))
    assert [one.acknowledged_requests for one in acknowledged] == list(range(1, 21))
    assert (acknowledged[-1].notifications, acknowledged[-1].duplicates) == (200, 0)
    again = [one async for one in alice.stream("StreamNotifications", several(*batches))]
    assert (again[-1].notifications, again[-1].duplicates) == (200, 200)


async def test_a_bad_batch_ends_it_and_those_before_are_sent(alice: Caller) -> None:
    bad = pb.StreamNotificationsRequest(requests=[pb.SendNotificationRequest(type="NONSENSE", title="x")])
    call = alice.stream("StreamNotifications", several(a_batch(range(10, 20)), bad))
    assert (await call.read()).acknowledged_requests == 1
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert from_rpc_error(refused.value).violations[0].field == "requests[0].type"
    listed = await alice("ListNotifications", pb.ListNotificationsRequest())
    assert len(listed.notifications) == 10


async def test_what_a_broken_stream_had_kept_is_told(shared: SharedNotifier, alice: Caller) -> None:
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        call = alice.stream("StreamNotifications", several(*[a_batch(range(n, n + 10)) for n in range(10, 90, 20)]))
        await call.read()
        call.cancel()
        await asyncio.sleep(0.5)
        listed = await alice("ListNotifications", pb.ListNotificationsRequest(page_size=100))
        kept = {notification.title for notification in listed.notifications}
        assert kept
        assert {(await events.next()).data["title"] for _ in kept} == kept
