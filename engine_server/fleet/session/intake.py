"""What a runner has said and is not written yet. Heartbeats do not pass here: nothing that is slow delays a lease.

Bounded: of checkpoints and subscriptions the newest of each strategy counts, of metrics the oldest are dropped, and a
runner with too many unwritten reports loses its session, reconnects and says how things are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from prometheus_client import Counter

from engine_server.fleet.checkpoints import Checkpoint
from engine_server.fleet.domain.lifecycle import StrategyReport
from engine_server.fleet.metrics import Metric
from engine_server.fleet.strategy_messages import MarketWish, Message
from tradewinds.errors import UnavailableError

EVENT_LIMIT = 1000
METRIC_LIMIT = 10_000

_DROPPED = Counter(
    "tradewinds_strategy_metrics_dropped_total", "Metrics dropped because they came faster than they were written"
)


@dataclass
class Batch:
    """What is written together: first checkpoints (a report may need them), metrics, then the rest in order."""

    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    metrics: deque[Metric] = field(default_factory=lambda: deque(maxlen=METRIC_LIMIT))
    wishes: dict[str, MarketWish] = field(default_factory=dict)
    events: deque[StrategyReport | Message] = field(default_factory=deque)

    def __bool__(self) -> bool:
        return bool(self.checkpoints or self.metrics or self.wishes or self.events)


class Intake:
    """Collects between two writes."""

    def __init__(self) -> None:
        self._batch = Batch()
        self._filled = asyncio.Event()
        self._closed = False

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep it instead of an older one."""
        self._batch.checkpoints[checkpoint.config_id] = checkpoint
        self._filled.set()

    def metric(self, metric: Metric) -> None:
        """Keep it; the oldest makes room."""
        if len(self._batch.metrics) == METRIC_LIMIT:
            _DROPPED.inc()
        self._batch.metrics.append(metric)
        self._filled.set()

    def wish(self, wish: MarketWish) -> None:
        """Keep it instead of an older one."""
        self._batch.wishes[wish.config_id] = wish
        self._filled.set()

    def event(self, event: StrategyReport | Message) -> None:
        """Keep it; raises `UnavailableError` where too many wait already."""
        if len(self._batch.events) >= EVENT_LIMIT:
            raise UnavailableError(
                f"{EVENT_LIMIT} reports of this runner wait to be written; reconnect and report how things are",
                reason="TOO_MANY_REPORTS",
            )
        self._batch.events.append(event)
        self._filled.set()

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._filled.set()

    async def take(self) -> Batch | None:
        """Everything since the last take; waits for something. None after the last."""
        if not self._batch:
            if self._closed:
                return None
            await self._filled.wait()
        self._filled.clear()
        taken, self._batch = self._batch, Batch()
        return taken
