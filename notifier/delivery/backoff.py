"""When a message that could not be handed over is tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from notifier.delivery.message import Attempt, Fate

MAXIMUM_ATTEMPTS: Final = 8
_FIRST_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 600.0
_LEAST: Final = timedelta(seconds=0.2)


def next_attempt(
    attempt: Attempt, attempts: int, now: datetime, expires_at: datetime, random: Callable[[], float]
) -> datetime | None:
    """When to try again after `attempts` of them; None when it is over. Exponential, full jitter, never before the provider wants."""
    if attempt.fate in (Fate.SENT, Fate.REFUSED, Fate.GONE):
        return None
    if attempt.fate is not Fate.HELD and attempts >= MAXIMUM_ATTEMPTS:
        return None
    ceiling = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** max(0, attempts - 1))
    delay = timedelta(seconds=ceiling * random())
    if attempt.retry_after_seconds is not None:
        wish = timedelta(seconds=attempt.retry_after_seconds)
        delay = wish if attempt.fate is Fate.HELD else max(delay, wish)
    due_at = now + max(delay, _LEAST)
    return due_at if due_at < expires_at else None
