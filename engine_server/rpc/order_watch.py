"""Following an account's orders: a snapshot of the working ones (or what came after a cursor), then every change in
batches, a beat when nothing changes, and the end in-band. The cursor is the account's log sequence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from engine_server.messages.orders import order_message
from engine_server.oms.event_log import OrderEventLog, Subscription
from engine_server.oms.queries import OrderQueries
from engine_server.oms.records import OrderEventRecord, OrderRecord
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import common_pb2
from tradewinds.v1 import trading_pb2 as pb

HEARTBEAT_SECONDS: Final = 15.0
_PAGE = 500


class OrderWatch:
    """`stopping` is set when the process is about to stop: watchers are told before their streams end."""

    def __init__(
        self,
        log: OrderEventLog,
        queries: OrderQueries,
        stopping: asyncio.Event,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._log = log
        self._queries = queries
        self._stopping = stopping
        self._heartbeat_seconds = heartbeat_seconds

    async def follow(self, account_id: str, cursor: str) -> AsyncIterator[pb.WatchOrdersResponse]:
        """Responses until the process stops; raises `InvalidArgumentError` for a cursor that is none of this account's."""
        # Subscribed before the first read: nothing falls between the two, and what is in both is told apart by sequence.
        subscription = self._log.subscribe()
        try:
            last, snapshot = await self._queries.snapshot(account_id)
            if cursor:
                last = _sequence(cursor, last)
                async for response in self._replay(account_id, last):
                    last = int(response.cursor)
                    yield response
            else:
                yield _response(snapshot, last)
            async for response in self._live(account_id, last, subscription):
                yield response
        finally:
            subscription.close()

    async def _live(
        self, account_id: str, last: int, subscription: Subscription
    ) -> AsyncIterator[pb.WatchOrdersResponse]:
        while not self._stopping.is_set():
            batch = await self._next(subscription)
            if batch is None:
                yield pb.WatchOrdersResponse(cursor=str(last))
                continue
            events = [event for event in batch[0] if event.account_id == account_id and event.sequence > last]
            if batch[1] or (events and events[0].sequence != last + 1):
                async for response in self._replay(account_id, last):
                    last = int(response.cursor)
                    yield response
            elif events:
                last = events[-1].sequence
                yield _response(_newest(events), last)
        end = common_pb2.WatchEnd(reason="SERVER_STOPPING", message="the engine stops; watch again from the cursor")
        yield pb.WatchOrdersResponse(cursor=str(last), end=end)

    async def _replay(self, account_id: str, after: int) -> AsyncIterator[pb.WatchOrdersResponse]:
        while events := await self._log.read_account_after(account_id, after, _PAGE):
            after = events[-1].sequence
            yield _response(_newest(events), after)

    async def _next(self, subscription: Subscription) -> tuple[Sequence[OrderEventRecord], bool] | None:
        """The next batch; None when it is time for a beat, or to stop."""
        changed = asyncio.ensure_future(subscription.next_batch())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                {changed, stopping}, timeout=self._heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            return changed.result() if changed.done() else None
        finally:
            changed.cancel()
            stopping.cancel()


def _response(orders: Sequence[OrderRecord], sequence: int) -> pb.WatchOrdersResponse:
    return pb.WatchOrdersResponse(orders=[order_message(order) for order in orders], cursor=str(sequence))


def _newest(events: Sequence[OrderEventRecord]) -> list[OrderRecord]:
    """Each order once, as the last of its events left it, in the order of those."""
    newest: dict[str, OrderRecord] = {}
    for event in events:
        if event.order is not None:  # a line about a hold or a guard
            newest.pop(event.order.order_id, None)
            newest[event.order.order_id] = event.order
    return list(newest.values())


def _sequence(cursor: str, last: int) -> int:
    if not cursor.isdecimal() or int(cursor) > last:
        raise InvalidArgumentError.field("cursor", f"{cursor!r} is not a cursor of this account; start without one")
    return int(cursor)
