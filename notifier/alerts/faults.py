"""What passes by itself: errors of either store while it is away."""

from __future__ import annotations

from typing import Final

from redis.exceptions import RedisError

from tradewinds.database.faults import PASSING_FAULTS

REDIS_ERRORS: Final[tuple[type[Exception], ...]] = (RedisError, OSError, TimeoutError)
INTERRUPTIONS: Final[tuple[type[Exception], ...]] = (*PASSING_FAULTS, *REDIS_ERRORS)
