"""What the feed says of itself, read from `md:feed` for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.clock import Clock

# The feed writes every second.
_SILENT_SECONDS: Final = 10.0
_MAX_STALE: Final = 100


@dataclass(frozen=True)
class FeedStatus:
    """`facts` are the fields of `md:feed` as texts; `age_ms` real milliseconds since it was written, -1 when it never was."""

    state: str
    reason: str
    age_ms: int
    facts: Mapping[str, str] = field(default_factory=dict)
    sockets: tuple[Mapping[str, Any], ...] = ()
    unknown_instruments: tuple[str, ...] = ()
    stale_instruments: tuple[str, ...] = ()
    rotated_instruments: tuple[str, ...] = ()
    subscribers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """A field that counts; 0 where it is missing."""
        text = self.facts.get(name, "")
        return int(text) if text.lstrip("-").isdigit() else 0


class FeedStatusReader:
    """Raises redis' errors."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def read(self) -> FeedStatus:
        """The last word of the feed; `DOWN` when that is none, or an old one."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hgetall(redis_keys.FEED_STATE)
        pipeline.hkeys(redis_keys.STALE)
        written, stale = await pipeline.execute()
        facts = {name.decode(): value.decode() for name, value in written.items()}
        if not facts:
            return FeedStatus("DOWN", "no feed has reported: is one running?", -1)
        age_ms = max(0, int(self._clock.now().timestamp() * 1000) - int(facts.get("updated_ms", "0")))
        state, reason = facts.get("state", "DOWN"), facts.get("reason", "")
        if age_ms > _SILENT_SECONDS * 1000:
            state, reason = "DOWN", f"the feed has said nothing for {age_ms // 1000} s; it was {state}"
        return FeedStatus(
            state=state,
            reason=reason,
            age_ms=age_ms,
            facts=facts,
            sockets=tuple(_listed(facts.get("sockets", ""))),
            unknown_instruments=tuple(_listed(facts.get("unknown_instruments", ""))),
            stale_instruments=tuple(sorted(key.decode() for key in stale)[:_MAX_STALE]),
            rotated_instruments=tuple(_listed(facts.get("rotated_instruments", ""))),
            subscribers=msgspec.json.decode(facts.get("subscribers") or "{}", type=dict[str, dict[str, int]]),
        )


def _listed(text: str) -> list[Any]:
    """The JSON list of a field; empty where it is missing."""
    found: list[Any] = msgspec.json.decode(text, type=list[Any]) if text else []
    return found
