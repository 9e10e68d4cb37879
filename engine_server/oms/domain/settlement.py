"""Lines that end by themselves: expired contracts, and intraday positions of an earlier day (the broker squares those off)."""

from __future__ import annotations

import re
from datetime import date, datetime

from tradewinds.clock import ist

_EXPIRY = re.compile(
    r":[A-Z0-9&\-]*?(\d{2})(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)(\d{2})(?:FUT|\d+(?:\.\d+)?(?:CE|PE))$"
)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def expiry_of(instrument: str) -> date | None:
    """The day on which a contract ends, from its key (`NFO:NIFTY24NOV26FUT`); None for what does not end."""
    match = _EXPIRY.search(instrument)
    if match is None:
        return None
    try:
        return date(2000 + int(match[3]), _MONTHS.index(match[2]) + 1, int(match[1]))
    except ValueError:
        return None


def why_it_ended(instrument: str, product: str, last_traded_at: datetime | None, market_now: datetime) -> str | None:
    """Why a line that the broker no longer has is no difference; None when it is one."""
    today, expiry = ist(market_now).date(), expiry_of(instrument)
    if expiry is not None and expiry < today:
        return f"the contract expired on {expiry:%d %b %Y}"
    if product == "MIS" and last_traded_at is not None and ist(last_traded_at).date() < today:
        return "an intraday position does not outlive its day: the broker squared it off"
    return None
