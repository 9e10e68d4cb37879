"""Order events of the strategies that one runner holds: replayed from a watermark, then live, in sequence without gaps.

The log in PostgreSQL is the truth; what is published in the process is only faster. An event that does not follow the last
one sent makes the strategy's events be read from the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine_server.fleet.faults import DATABASE_FAULTS, RETRY_SECONDS
from engine_server.fleet.ports import OrderEvents
from engine_server.fleet.session.outgoing import Outgoing
from engine_server.messages.orders import order_message, trade_message
from engine_server.oms.records import OrderEventRecord
from tradewinds.telemetry import get_logger
from tradewinds.v1 import strategy_runner_pb2 as pb

log = get_logger("fleet.order_relay")

BATCH = 200


class OrderRelay:
    """Run `listen` and `replay` as the session's tasks."""

    def __init__(self, log: OrderEvents, outgoing: Outgoing) -> None:
        self._log = log
        self._outgoing = outgoing
        self._sent: dict[str, int] = {}  # config_id -> sequence of the last event sent
        self._behind: dict[str, None] = {}  # in the order in which they fell behind
        self._unconfirmed: set[str] = set()
        self._woken = asyncio.Event()

    def follow(self, config_id: str, after: int) -> None:
        """(Again) from the event after `after`: replay, say "caught up" with an empty batch, go on live."""
        self._sent[config_id] = after
        self._unconfirmed.add(config_id)
        self._fall_behind(config_id)

    def forget(self, config_id: str) -> None:
        """Not this runner's any more."""
        self._sent.pop(config_id, None)
        self._behind.pop(config_id, None)
        self._unconfirmed.discard(config_id)

    async def listen(self) -> None:
        """Send what is published, where it follows what was sent."""
        subscription = self._log.subscribe()
        try:
            while True:
                events, lost = await subscription.next_batch()
                if lost:
                    for config_id in self._sent:
                        self._fall_behind(config_id)
                for event in events:
                    self._send_live(event)
        finally:
            subscription.close()

    async def replay(self) -> None:
        """Read from the log what was not sent live."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._behind:
                await self._outgoing.room()
                config_id = next(iter(self._behind), None)
                if config_id is not None:
                    await self._catch_up(config_id)

    async def _catch_up(self, config_id: str) -> None:
        # Out of the set before the read: what is published during it puts it there again.
        self._behind.pop(config_id, None)
        after = self._sent[config_id]
        try:
            events = await self._log.read_after(config_id, after, BATCH)
        except DATABASE_FAULTS as e:
            log.warning_throttled("database.away", config_id=config_id, error=repr(e))
            await asyncio.sleep(RETRY_SECONDS)
            if config_id in self._sent:
                self._fall_behind(config_id)
            return
        if self._sent.get(config_id, -1) < after:
            return  # forgotten or rewound while we read; the rewind has put it behind again
        fresh = [event for event in events if (event.config_sequence or 0) > self._sent[config_id]]
        if (fresh and not self._send(config_id, fresh)) or len(events) == BATCH:
            self._fall_behind(config_id)
        elif config_id in self._unconfirmed and config_id not in self._behind:
            self._confirm(config_id)

    def _confirm(self, config_id: str) -> None:
        if self._outgoing.try_send(order_events=pb.OrderEvents(config_id=config_id)):
            self._unconfirmed.discard(config_id)
        else:
            self._fall_behind(config_id)

    def _send_live(self, event: OrderEventRecord) -> None:
        config_id = event.config_id
        if config_id is None or config_id not in self._sent:
            return
        sequence = event.config_sequence or 0
        if sequence <= self._sent[config_id]:
            return
        follows = sequence == self._sent[config_id] + 1
        if not follows or not self._send(config_id, [event]):
            self._fall_behind(config_id)

    def _send(self, config_id: str, events: Sequence[OrderEventRecord]) -> bool:
        message = pb.OrderEvents(config_id=config_id, events=[event_message(event) for event in events])
        if not self._outgoing.try_send(order_events=message):
            return False
        self._sent[config_id] = events[-1].config_sequence or 0
        return True

    def _fall_behind(self, config_id: str) -> None:
        self._behind[config_id] = None
        self._woken.set()


def event_message(event: OrderEventRecord) -> pb.OrderEvent:
    """One line of the log as the runner reads it."""
    if event.order is None:
        raise AssertionError("a strategy's own line is about an order")
    return pb.OrderEvent(
        sequence=event.config_sequence or 0,
        order=order_message(event.order),
        trade=trade_message(event.trade) if event.trade is not None else None,
    )
