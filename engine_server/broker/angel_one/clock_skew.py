"""How far our clock is from the broker's, as the Date header of its answers tells: one-time passwords live by it. Pure."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

# A Date is cut to the second and took some time to travel; a one-time password lives 30 s.
TOLERATED_SECONDS = 5.0


def skew_seconds(server_date: str, now: datetime) -> float | None:
    """How many seconds our clock is ahead of the broker's (negative: behind); None where the header is no date."""
    try:
        theirs = parsedate_to_datetime(server_date)
    except (TypeError, ValueError):
        return None
    if theirs.tzinfo is None:
        return None
    # On average half a second has passed since the second that the header names.
    return round((now - theirs).total_seconds() - 0.5, 1)


def skew_hint(server_date: str, now: datetime) -> str:
    """What the broker's clock says about ours, for people; '' where it says nothing."""
    skew = skew_seconds(server_date, now)
    if skew is None:
        return ""
    if abs(skew) <= TOLERATED_SECONDS:
        return f"this machine's clock agrees with the broker's (within {TOLERATED_SECONDS:g} s)"
    direction = "ahead of" if skew > 0 else "behind"
    return f"this machine's clock is {abs(skew):.0f} s {direction} the broker's: synchronise it (NTP)"
