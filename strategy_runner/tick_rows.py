"""A tick on the pipe: a plain tuple, small to pack and quick to read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from tradewinds.clock import IST
from tradewinds.sdk.market import Tick

# key, last, bid, ask (ten-thousandths of a rupee, 0 for none), volume, exchange_ms (market), received_ns (real)
TickRow = tuple[str, int, int, int, int, int, int]


def to_tick(row: TickRow) -> Tick:
    """What the strategy sees."""
    key, last_e4, bid_e4, ask_e4, volume, exchange_ms, received_ns = row
    return Tick(
        symbol=key,
        last_price=_rupees(last_e4),
        bid=_rupees(bid_e4) if bid_e4 else None,
        ask=_rupees(ask_e4) if ask_e4 else None,
        volume=volume,
        exchange_time=datetime.fromtimestamp(exchange_ms / 1000, IST),
        received_ns=received_ns,
    )


@lru_cache(1_024)  # a price is bid, last and ask in turn
def _rupees(value_e4: int) -> Decimal:
    """1400.05 rather than 1400.0500, where two decimals do."""
    if value_e4 % 100 == 0:
        return Decimal(value_e4 // 100).scaleb(-2)
    return Decimal(value_e4).scaleb(-4)
