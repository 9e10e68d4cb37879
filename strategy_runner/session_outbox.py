"""What waits to be told to the engine: bounded, and newest-wins where only the newest matters."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from strategy_runner import session_messages
from strategy_runner.assignment import LifeReport, SavedState
from strategy_runner.protocol import Failed, Inspected
from tradewinds.sdk.commands import Notify, RecordMetric
from tradewinds.telemetry import get_logger
from tradewinds.v1 import strategy_manager_pb2, strategy_runner_pb2

log = get_logger("session")

_MAX_NOTIFICATIONS: Final = 1_000
_MAX_METRICS: Final = 5_000
_METRICS_PER_MESSAGE: Final = 500
_MAX_LOG_LINES: Final = 5_000
_LOG_LINES_PER_MESSAGE: Final = 100

Message = strategy_runner_pb2.SessionRequest


class SessionOutbox:
    """Implements `Upstream`.

    Of each strategy one checkpoint, one set of subscriptions and one report per kind of event wait at most. When no
    engine is there, the oldest notifications beyond 1,000, and metrics and log lines beyond 5,000, are dropped, and that is logged.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._facts: OrderedDict[tuple[str, ...], Message] = OrderedDict()
        self._notifications: deque[Message] = deque()
        self._metrics: deque[strategy_runner_pb2.StrategyMetric] = deque()
        self._logs: deque[tuple[str, int, strategy_manager_pb2.StrategyLogLine]] = deque()
        self._goodbye: Message | None = None
        self._filled = asyncio.Event()

    def report(self, report: LifeReport) -> None:
        """A later report of the same kind replaces the earlier one and goes to the end: the last one tells the truth."""
        key = ("report", report.config_id, report.event.name)
        self._facts.pop(key, None)
        self._put(key, session_messages.life_report(report))

    def checkpoint(self, config_id: str, epoch: int, saved: SavedState) -> None:
        """A later one takes the earlier one's place in the queue: never behind a report that it must precede."""
        self._put(("checkpoint", config_id), session_messages.checkpoint(config_id, epoch, saved))

    def subscriptions(self, config_id: str, epoch: int, instruments: frozenset[str]) -> None:
        """The newest set."""
        self._put(("subscriptions", config_id), session_messages.subscriptions(config_id, epoch, instruments))

    def inspected(self, inspection_id: str, found: Inspected | Failed) -> None:
        """The answer to a question of this session."""
        self._put(("inspected", inspection_id), session_messages.inspect_result(inspection_id, found))

    def notify(self, config_id: str, epoch: int, notice: Notify) -> None:
        """Kept in order."""
        self._notifications.append(session_messages.notification(config_id, epoch, notice))
        if len(self._notifications) > _MAX_NOTIFICATIONS:
            self._notifications.popleft()
            log.warning_throttled("notification.dropped", waiting=_MAX_NOTIFICATIONS)
        self._filled.set()

    def metric(self, config_id: str, metric: RecordMetric) -> None:
        """Kept in order."""
        self._metrics.append(session_messages.metric(config_id, metric))
        if len(self._metrics) > _MAX_METRICS:
            self._metrics.popleft()
            log.warning_throttled("metric.dropped", waiting=_MAX_METRICS)
        self._filled.set()

    def log(self, config_id: str, epoch: int, source: str, text: str) -> None:
        """Kept in order; it is never more urgent than anything else."""
        self._logs.append((config_id, epoch, session_messages.log_line(self._now(), source, text)))
        if len(self._logs) > _MAX_LOG_LINES:
            self._logs.popleft()
            log.warning_throttled("log.dropped", waiting=_MAX_LOG_LINES)
        self._filled.set()

    def say_goodbye(self, reason: str) -> None:
        """After everything else."""
        self._goodbye = session_messages.goodbye(reason)
        self._filled.set()

    def take(self) -> Message | None:
        """The next message: facts first, then notifications, metrics by the batch, Goodbye last."""
        if self._facts:
            return self._facts.popitem(last=False)[1]
        if self._notifications:
            return self._notifications.popleft()
        if self._metrics:
            count = min(len(self._metrics), _METRICS_PER_MESSAGE)
            return session_messages.metrics([self._metrics.popleft() for _ in range(count)])
        if self._logs:
            return self._take_logs()
        return self._goodbye

    def _take_logs(self) -> Message:
        """Lines of the strategy whose turn it is, as many as follow each other."""
        config_id, epoch, line = self._logs.popleft()
        lines = [line]
        while self._logs and self._logs[0][:2] == (config_id, epoch) and len(lines) < _LOG_LINES_PER_MESSAGE:
            lines.append(self._logs.popleft()[2])
        return session_messages.logs(config_id, epoch, lines)

    def put_back(self, message: Message) -> None:
        """It could not be sent. Facts are told anew by the next session anyway; a notification would be lost."""
        if message.WhichOneof("message") == "notification":
            self._notifications.appendleft(message)

    async def wait(self, seconds: float) -> None:
        """Until something is put in, at most so long."""
        self._filled.clear()
        if self._facts or self._notifications or self._metrics or self._logs or self._goodbye is not None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._filled.wait()
        except TimeoutError:
            pass

    def _put(self, key: tuple[str, ...], message: Message) -> None:
        self._facts[key] = message
        self._filled.set()
