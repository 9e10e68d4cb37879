"""Passes a strategy's order events on to its process: in sequence, without a gap, none twice, and says when it is up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from strategy_runner.protocol import CaughtUp, OrderEvents, RunnerMessage
from tradewinds.sdk.orders import OrderEvent
from tradewinds.telemetry import get_logger

log = get_logger("events")

# An engine says when a replay is over. Should it not, the strategy must not wait for ever.
CATCH_UP_SECONDS: Final = 5.0


class EventGapError(Exception):
    """An event is missing although none was owed: a strategy that trades on without it has a wrong book."""


class EventForwarding:
    """For the processes of one strategy in turn; between two of them it takes nothing (the engine replays)."""

    def __init__(self, config_id: str, note_order: Callable[[str], None]) -> None:
        self._config_id = config_id
        self._note_order = note_order
        self._send: Callable[[RunnerMessage], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._process_waits = False
        self.watermark = 0
        self.is_caught_up = False

    def begin(self, send: Callable[[RunnerMessage], None], last_event_sequence: int) -> None:
        """A new process has taken everything up to here."""
        self._send, self.watermark, self._process_waits = send, last_event_sequence, True
        self.expect_replay()

    def end(self) -> None:
        """The process has ended."""
        self._send, self.is_caught_up = None, False
        self._disarm()

    def expect_replay(self) -> None:
        """Events that have happened meanwhile are on their way."""
        self._disarm()
        self.is_caught_up = False
        if self._send is not None:
            self._timer = asyncio.get_running_loop().call_later(CATCH_UP_SECONDS, self._give_up_waiting)

    def take(self, events: Sequence[OrderEvent]) -> None:
        """Pass on what follows; drop repetitions, and what a replay will bring again. No events: the replay is over.

        Raises `EventGapError` where no replay is on its way: one must be asked for.
        """
        if self._send is None:
            return
        following, beyond = [], 0
        for event in events:
            if event.sequence == self.watermark + 1:
                self.watermark = event.sequence
                self._note_order(event.order.request_id)
                following.append(event)
            else:
                beyond = max(beyond, event.sequence)
        if following:
            self._send(OrderEvents(following))
        if beyond > self.watermark and self.is_caught_up:
            raise EventGapError(
                f"{self._config_id}: order event {beyond} came, the last one before it was {self.watermark}"
            )
        if not events:
            self._catch_up()

    def _catch_up(self) -> None:
        self._disarm()
        self.is_caught_up = True
        if self._process_waits and self._send is not None:
            self._process_waits = False
            self._send(CaughtUp())

    def _give_up_waiting(self) -> None:
        log.warning("replay.unconfirmed", config_id=self._config_id, seconds=CATCH_UP_SECONDS, watermark=self.watermark)
        self._catch_up()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
