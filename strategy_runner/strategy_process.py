"""The runner's end of one strategy process's pipe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from prometheus_client import Counter

from strategy_runner.host import ChildProcess
from strategy_runner.protocol import (
    BarsClosed,
    FeedState,
    RunnerMessage,
    Ticks,
    WorkerMessage,
    frame,
    read_frame,
    worker_messages,
)
from strategy_runner.tick_rows import TickRow
from strategy_runner.tick_window import TickWindow
from tradewinds.bars import Bar
from tradewinds.telemetry import get_logger

log = get_logger("strategy")

_MAX_UNREAD_BYTES: Final = 8 * 1024 * 1024
_COALESCED = Counter(
    "tradewinds_runner_ticks_coalesced_total", "Ticks that a slow strategy did not get because a newer one came"
)


class StrategyProcess:
    """Sends without waiting. A process that does not read 8 MB of order events is beyond help and is killed."""

    def __init__(self, config_id: str, child: ChildProcess) -> None:
        self.child = child
        self.loop_count = 0
        self.longest_callback_ms = 0
        self.is_running = False  # on_start has returned
        self._config_id = config_id
        self._window = TickWindow()

    def send(self, message: RunnerMessage) -> None:
        """Put a message on the pipe; nothing when it has closed."""
        transport = self.child.writer.transport
        if transport.is_closing():
            return
        self.child.writer.write(frame(message))
        if transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            log.error("pipe.full", config_id=self._config_id, pid=self.child.pid, bytes=_MAX_UNREAD_BYTES)
            self.child.kill()

    def offer_tick(self, row: TickRow) -> None:
        """A price of an instrument that it follows; `flush_ticks` sends it."""
        before = self._window.coalesced
        self._window.offer(row)
        if self._window.coalesced > before:
            _COALESCED.inc(self._window.coalesced - before)

    def flush_ticks(self) -> None:
        """Send what waits, as far as the process keeps up."""
        if self.is_running and (rows := self._window.take()):
            self.send(Ticks(rows, self._window.ends_group()))

    def ticks_answered(self) -> None:
        """The process has handled a group of frames of prices: the next one may go."""
        self._window.answered()
        self.flush_ticks()

    def feed_changed(self, stale: list[str]) -> None:
        """Prices of these are missing now, and of no others."""
        self.send(FeedState(stale))

    def bars_closed(self, bars: list[Bar]) -> None:
        """Bars of instruments and intervals that it wants."""
        self.send(BarsClosed(bars))

    async def messages(self) -> AsyncIterator[WorkerMessage]:
        """What it says, until its end of the pipe closes."""
        while (body := await read_frame(self.child.reader)) is not None:
            yield worker_messages.decode(body)
