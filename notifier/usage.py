"""How much somebody was told lately: counters in Redis, shared by the replicas. While Redis is away each counts for itself, so that a
storm stays one message with a count.

A window begins with the first message that is counted in it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from notifier.channels import Channel
from notifier.preferences import Preferences
from notifier.resolver import Usage
from tradewinds import redis_keys
from tradewinds.telemetry import get_logger

log = get_logger("notifier.usage")

_ERRORS: Final = (RedisError, OSError, TimeoutError)
_LOCAL_LIMIT: Final = 100_000
# In an hour. A code costs money, and annoys whoever did not ask for it: an address gets few, whoever names it.
CODES_OF_A_USER: Final = 10
CODES_TO_AN_ADDRESS: Final = 3
_COUNT: Final = """
local answers = {}
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  if count == 1 then redis.call('PEXPIRE', key, ARGV[i]) end
  answers[#answers + 1] = count
  answers[#answers + 1] = redis.call('PTTL', key)
end
return answers
"""


@dataclass(frozen=True)
class Counter:
    """At most `allowed` in a window of so many milliseconds."""

    key: str
    allowed: int
    window_ms: int
    groups: bool = False


@dataclass(frozen=True)
class Ask:
    """One more message to a user, on each of these channels."""

    user_id: str
    type: str
    preferences: Preferences
    channels: Sequence[Channel]


class UsageCounters:
    """`take` counts messages that would be sent now."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local: dict[str, tuple[int, float]] = {}

    async def take(self, asks: Sequence[Ask], now: datetime) -> list[Mapping[Channel, Usage]]:
        """For each of `asks`, what the counters of its channels say of one more message."""
        counters = [[(channel, _counters(ask, channel)) for channel in ask.channels] for ask in asks]
        wanted = [one for channels in counters for _, some in channels for one in some]
        counted = iter(await self._count(wanted) if wanted else ())
        return [
            {channel: _usage([(one, next(counted)) for one in some], now) for channel, some in channels}
            for channels in counters
        ]

    async def code(self, user_id: str, address: str) -> float:
        """One more code for an address; 0 where it may be sent, else the seconds until one may."""
        hour = 3_600_000
        limits = (
            Counter(redis_keys.notification_codes("user", user_id), CODES_OF_A_USER, hour),
            Counter(redis_keys.notification_codes("address", address), CODES_TO_AN_ADDRESS, hour),
        )
        counted = zip(limits, await self._count(limits), strict=True)
        return max((left_ms / 1000 for one, (count, left_ms) in counted if count > one.allowed), default=0.0)

    async def _count(self, counters: Sequence[Counter]) -> list[tuple[int, int]]:
        """The count, and the milliseconds that are left of the window."""
        keys, windows = [one.key for one in counters], [one.window_ms for one in counters]
        try:
            flat = await self._redis.eval(_COUNT, len(keys), *keys, *windows)
        except _ERRORS as e:
            log.warning_throttled("counted_here", error=str(e))
            return [self._count_here(one) for one in counters]
        return list(zip(flat[::2], flat[1::2], strict=True))

    def _count_here(self, counter: Counter) -> tuple[int, int]:
        now = time.monotonic()
        count, ends = self._local.get(counter.key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + counter.window_ms / 1000
        if len(self._local) > _LOCAL_LIMIT:
            self._local.clear()
        self._local[counter.key] = (count + 1, ends)
        return count + 1, int((ends - now) * 1000)


def _counters(ask: Ask, channel: Channel) -> list[Counter]:
    preferences = ask.preferences
    counters = [
        Counter(redis_keys.notification_limit(ask.user_id, channel, index), limit.count, limit.seconds * 1000)
        for index, limit in enumerate(preferences.rate_limits)
        if limit.channel in (None, channel)
    ]
    if preferences.grouping_seconds:
        key = redis_keys.notification_group(ask.user_id, channel, ask.type)
        counters.append(Counter(key, 1, preferences.grouping_seconds * 1000, groups=True))
    return counters


def _usage(counted: Sequence[tuple[Counter, tuple[int, int]]], now: datetime) -> Usage:
    limited: datetime | None = None
    grouped: datetime | None = None
    for counter, (count, left_ms) in counted:
        if count > counter.allowed:
            until = now + timedelta(milliseconds=max(left_ms, 1))
            if counter.groups:
                grouped = until
            else:
                limited = max(until, limited or until)
    return Usage(limited, grouped)
