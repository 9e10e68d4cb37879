"""How much of Redis the live streams and the dedupe keys may take: what others leave, measured every second.

Redis does not evict (that would tear holes into the streams): what does not fit is refused. So that it never comes to that, a full
Redis costs history first, then memory of what was sent: streams are cut shorter, and dedupe keys are remembered for less time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tradewinds.redis_keys import DEDUPE_TTL_SECONDS, NOTIFICATION_SHARDS, NOTIFICATION_STREAM_BYTES

# The streams' part of Redis, all of them together.
_STREAMS_PART: Final = 1 / 4
# From the first on they give way, until at the second an eighth is left.
_TIGHT: Final = 0.7
_FULL: Final = 0.9
_LEAST_PART: Final = 1 / 8
# Dedupe keys may fill Redis up to here; half of that room, so that a rate that doubles within one time to live still fits.
_KEYS_UP_TO: Final = 0.85
_KEYS_PART: Final = 1 / 2
_KEY_BYTES: Final = 220
# Longer than a claim, and than the retry of a caller who got no answer.
_LEAST_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Reading:
    """What Redis says of itself: bytes, `maximum` 0 where it has no limit; keys with a time to live, there and ever expired; when, in
    seconds."""

    used: int
    maximum: int
    keys: int
    expired: int
    at: float

    @property
    def fullness(self) -> float:
        """The part of it that is used."""
        return self.used / self.maximum if self.maximum else 0.0

    @property
    def is_full(self) -> bool:
        """Whether writes may be refused soon."""
        return self.fullness > _FULL

    @property
    def is_tight(self) -> bool:
        """Whether somebody should give it more."""
        return self.fullness > _TIGHT


@dataclass(frozen=True)
class Room:
    """What one stream may hold, and how long a dedupe key stays."""

    stream_bytes: int = NOTIFICATION_STREAM_BYTES
    remember_seconds: float = DEDUPE_TTL_SECONDS


def room_for(before: Reading, now: Reading) -> Room:
    """What is left to us, given how fast keys have come between two readings."""
    if not now.maximum:
        return Room()
    return Room(_stream_bytes(now), _remember_seconds(before, now))


def _stream_bytes(now: Reading) -> int:
    whole = min(NOTIFICATION_STREAM_BYTES, now.maximum * _STREAMS_PART / NOTIFICATION_SHARDS)
    tightness = (now.fullness - _TIGHT) / (_FULL - _TIGHT)
    return int(whole * min(1.0, max(_LEAST_PART, 1.0 - tightness * (1.0 - _LEAST_PART))))


def _remember_seconds(before: Reading, now: Reading) -> float:
    came = max(0, now.keys - before.keys) + max(0, now.expired - before.expired)
    bytes_a_second = came * _KEY_BYTES / max(0.001, now.at - before.at)
    others = now.used - now.keys * _KEY_BYTES
    free = max(0.0, now.maximum * _KEYS_UP_TO - max(0, others)) * _KEYS_PART
    if free >= bytes_a_second * DEDUPE_TTL_SECONDS:
        return DEDUPE_TTL_SECONDS
    return max(_LEAST_SECONDS, free / bytes_a_second)
