"""What the feed says of itself: in `md:feed` for everybody, in the log when it changes, on /metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("feed.state")

STALE_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 0.25
_PUBLISH_SECONDS: Final = 1.0
LIVE = Gauge("tradewinds_feed_live", "1 while subscribed ticks are coming")
SUBSCRIPTIONS = Gauge("tradewinds_feed_subscriptions", "Instruments, by what became of the wish", ["outcome"])


class FeedCondition(StrEnum):
    """How the feed is."""

    WAITING_FOR_SESSION = "WAITING_FOR_SESSION"  # the engine has not logged in
    CONNECTING = "CONNECTING"
    IDLE = "IDLE"  # connected, nobody wants anything
    LIVE = "LIVE"
    STALE = "STALE"  # connected and subscribed, and nothing comes


@dataclass(frozen=True)
class FeedFacts:
    """What the parts of the feed know. Ages are real seconds; None: never."""

    has_session: bool
    connected: bool
    subscriptions: int
    refused: int
    unknown: int
    seconds_since_tick: float | None
    seconds_since_change: float
    last_tick_ms: int
    ticks: int
    dropped: int
    scrip_master: str
    problem: str


def judge(facts: FeedFacts) -> FeedCondition:
    """Silence counts from the last tick, the connection or the last new subscription, whichever is latest."""
    if not facts.has_session:
        return FeedCondition.WAITING_FOR_SESSION
    if not facts.connected:
        return FeedCondition.CONNECTING
    if not facts.subscriptions:
        return FeedCondition.IDLE
    silent = facts.seconds_since_change
    if facts.seconds_since_tick is not None:
        silent = min(silent, facts.seconds_since_tick)
    return FeedCondition.STALE if silent > STALE_SECONDS else FeedCondition.LIVE


class StatePublisher:
    """Writes `md:feed` every second, and at once when the condition changes."""

    def __init__(
        self, redis: Redis, facts: Callable[[], FeedFacts], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._facts = facts
        self._monotonic = monotonic
        self._condition: FeedCondition | None = None
        self._published_at = float("-inf")

    async def run(self) -> None:
        """Publish, for ever."""
        while True:
            facts = self._facts()
            condition = judge(facts)
            if condition != self._condition:
                _tell(condition, facts)
                self._condition = condition
                self._published_at = float("-inf")
            if self._monotonic() - self._published_at >= _PUBLISH_SECONDS:
                await self._publish(condition, facts)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _publish(self, condition: FeedCondition, facts: FeedFacts) -> None:
        LIVE.set(condition is FeedCondition.LIVE)
        for outcome, count in (
            ("subscribed", facts.subscriptions),
            ("refused", facts.refused),
            ("unknown", facts.unknown),
        ):
            SUBSCRIPTIONS.labels(outcome).set(count)
        try:
            await self._redis.hset(redis_keys.FEED_STATE, items=_fields(condition, facts))
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("publish.failed", error=describe(e))
        else:
            self._published_at = self._monotonic()


def _fields(condition: FeedCondition, facts: FeedFacts) -> list[str | int]:
    """Field, value, field, value…: `updated_ms` and `last_tick_ms` are real epoch milliseconds, `connected` 0 or 1."""
    return [
        *("state", condition.value, "reason", facts.problem, "connected", int(facts.connected)),
        *("subscriptions", facts.subscriptions, "refused", facts.refused, "unknown", facts.unknown),
        *("ticks", facts.ticks, "dropped", facts.dropped, "last_tick_ms", facts.last_tick_ms),
        *("scrip_master", facts.scrip_master, "updated_ms", time.time_ns() // 1_000_000),
    ]


def _tell(condition: FeedCondition, facts: FeedFacts) -> None:
    if condition is FeedCondition.STALE:
        log.warning("stale", subscriptions=facts.subscriptions, silent_seconds=STALE_SECONDS)
    elif condition is FeedCondition.WAITING_FOR_SESSION:
        log.warning("waiting_for_session", remedy="the engine logs in; see its log if this lasts")
    else:
        log.info("changed", condition=condition.value, problem=facts.problem, subscriptions=facts.subscriptions)
