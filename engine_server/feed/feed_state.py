"""What the feed says of itself: in `md:feed` for everybody, in the log when it changes, on /metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec
from prometheus_client import Gauge
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tradewinds import redis_keys
from tradewinds.database.reconnecting import describe
from tradewinds.instruments import InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.state")

_TICKING_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 0.25
_PUBLISH_SECONDS: Final = 1.0
_SHOWN: Final = 100
_RIVAL_MS: Final = 3_000
LIVE = Gauge("tradewinds_feed_live", "1 while subscribed ticks are coming")
SUBSCRIPTIONS = Gauge("tradewinds_feed_subscriptions", "Instruments, by what became of the wish", ["outcome"])


class FeedCondition(StrEnum):
    """How the feed is."""

    WAITING_FOR_SESSION = "WAITING_FOR_SESSION"  # the engine has not logged in
    CONNECTING = "CONNECTING"
    IDLE = "IDLE"  # connected; nobody wants anything, or no market is open
    LIVE = "LIVE"
    STALE = "STALE"  # ticks of an open market are missing


class SocketFacts(msgspec.Struct, frozen=True):
    """One market socket, as `md:feed` lists it in JSON."""

    number: int
    connected: bool
    subscriptions: int
    quota: int
    connections: int
    problem: str


class SubscriberFacts(msgspec.Struct, frozen=True):
    """What one subscriber got, in instruments."""

    streamed: int
    rotated: int
    unknown: int


@dataclass(frozen=True)
class FeedFacts:
    """What the parts of the feed know. Ages are real seconds; None: never."""

    has_session: bool
    sockets: Sequence[SocketFacts]
    streamed: int
    rotated: Sequence[InstrumentKey]
    rotation_seconds: int
    rotation_problem: str
    bar_gaps: int
    unknown: Sequence[InstrumentKey]
    subscribers: Mapping[str, SubscriberFacts]
    open_instruments: int
    stale: int
    seconds_since_tick: float | None
    last_tick_ms: int
    ticks: int
    dropped: Mapping[str, int]
    scrip_master: str
    scrip_master_day: str
    scrip_master_problem: str
    epoch: int

    @property
    def connected(self) -> bool:
        """Whether any socket is."""
        return any(socket.connected for socket in self.sockets)


def judge(facts: FeedFacts) -> FeedCondition:
    """Stale is what the watchdog says; a market of which the calendar does not know is as live as its ticks."""
    if not facts.has_session:
        return FeedCondition.WAITING_FOR_SESSION
    if not facts.connected:
        return FeedCondition.CONNECTING
    if facts.stale:
        return FeedCondition.STALE
    ticking = facts.seconds_since_tick is not None and facts.seconds_since_tick <= _TICKING_SECONDS
    wanted = facts.streamed + len(facts.rotated)
    return FeedCondition.LIVE if wanted and (ticking or facts.open_instruments) else FeedCondition.IDLE


def reason(condition: FeedCondition, facts: FeedFacts) -> str:
    """Why, for a person; empty where nothing needs saying."""
    problems = [f"socket {socket.number}: {socket.problem}" for socket in facts.sockets if socket.problem]
    if facts.rotated and facts.rotation_problem:
        problems.append(f"rotation: {facts.rotation_problem}")
    if facts.scrip_master_problem:
        problems.append(f"scrip master: {facts.scrip_master_problem}")
    if condition is FeedCondition.WAITING_FOR_SESSION:
        return "no broker session; the engine logs in"
    if condition is FeedCondition.STALE:
        return "; ".join([f"{facts.stale} instruments get no ticks in an open market", *problems])
    if problems or condition is not FeedCondition.IDLE:
        return "; ".join(problems)
    wanted = facts.streamed + len(facts.rotated)
    return "no market of what is wanted is in continuous trading" if wanted else "nobody wants anything"


class StatePublisher:
    """Writes `md:feed` every second, and at once when the condition changes; not while `facts` says None (standing by)."""

    def __init__(
        self,
        redis: Redis,
        facts: Callable[[], FeedFacts | None],
        superseded: Callable[[int], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`superseded` is called with the newer epoch when another feed writes here."""
        self._redis = redis
        self._facts = facts
        self._superseded = superseded
        self._monotonic = monotonic
        self._condition: FeedCondition | None = None
        self._published_at = float("-inf")

    async def run(self) -> None:
        """Publish, for ever."""
        while True:
            facts = self._facts()
            if facts is not None:
                await self._look(facts)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _look(self, facts: FeedFacts) -> None:
        condition = judge(facts)
        if condition != self._condition:
            _tell(condition, facts)
            self._condition = condition
            self._published_at = float("-inf")
        if self._monotonic() - self._published_at >= _PUBLISH_SECONDS:
            await self._publish(condition, facts)

    async def _publish(self, condition: FeedCondition, facts: FeedFacts) -> None:
        LIVE.set(condition is FeedCondition.LIVE)
        for outcome, count in (
            ("streamed", facts.streamed),
            ("rotated", len(facts.rotated)),
            ("unknown", len(facts.unknown)),
        ):
            SUBSCRIPTIONS.labels(outcome).set(count)
        try:
            if (epoch := await self._newer_epoch(facts.epoch)) is not None:
                self._superseded(epoch)
                return
            await self._redis.hset(redis_keys.FEED_STATE, items=_fields(condition, facts))
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("publish.failed", error=describe(e))
        else:
            self._published_at = self._monotonic()

    async def _newer_epoch(self, ours: int) -> int | None:
        """The epoch of another feed that writes here now; one of another database's life is silent."""
        epoch, updated_ms = await self._redis.hmget(redis_keys.FEED_STATE, ["epoch", "updated_ms"])
        if epoch is None or updated_ms is None or int(epoch) <= ours:
            return None
        return int(epoch) if time.time() * 1000 - int(updated_ms) < _RIVAL_MS else None


def _fields(condition: FeedCondition, facts: FeedFacts) -> list[str | int]:
    """Field, value, field, value…: times are real epoch milliseconds, `connected` 0 or 1, what is plural is JSON."""
    return [
        *("state", condition.value, "reason", reason(condition, facts), "connected", int(facts.connected)),
        *("sockets", _json(facts.sockets), "epoch", facts.epoch, "open", facts.open_instruments, "stale", facts.stale),
        *("streamed", facts.streamed, "rotated", len(facts.rotated), "unknown", len(facts.unknown)),
        *("rotated_instruments", _json(facts.rotated[:_SHOWN]), "unknown_instruments", _json(facts.unknown[:_SHOWN])),
        *("subscribers", _json(facts.subscribers), "rotation_seconds", facts.rotation_seconds),
        *("bar_gaps", facts.bar_gaps),
        *("ticks", facts.ticks, "dropped", sum(facts.dropped.values()), "dropped_by_reason", _json(facts.dropped)),
        *("scrip_master", facts.scrip_master, "scrip_master_day", facts.scrip_master_day),
        *("last_tick_ms", facts.last_tick_ms, "updated_ms", time.time_ns() // 1_000_000),
    ]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _tell(condition: FeedCondition, facts: FeedFacts) -> None:
    why = reason(condition, facts)
    if condition is FeedCondition.STALE:
        log.warning("stale", reason=why)
    elif condition is FeedCondition.WAITING_FOR_SESSION:
        log.warning("waiting_for_session", remedy="the engine logs in; see its log if this lasts")
    else:
        log.info("changed", condition=condition.value, reason=why, streamed=facts.streamed, rotated=len(facts.rotated))
