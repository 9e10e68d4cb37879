"""What a strategy sees of the market."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Tick(msgspec.Struct, frozen=True):
    """One price of one instrument, in rupees. `bid` and `ask` are None where that side is empty."""

    symbol: str  # canonical key, NSE:RELIANCE-EQ
    last_price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    volume: int  # units traded today
    exchange_time: datetime  # market time, IST
    received_ns: int = 0  # when the feed had it: real clock, epoch nanoseconds; 0 in the test harness
