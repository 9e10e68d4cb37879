"""The market socket's binary packets: little endian, one tick each, 51, 123 or 379 bytes (smartapi_protocol 4.3)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from sandbox.market import DepthLevel, Quote
from sandbox.universe import STREAM_EXCHANGE_TYPES

LTP, QUOTE, SNAP_QUOTE = 1, 2, 3

_LTP = struct.Struct("<BB25sqqq")
_QUOTE = struct.Struct("<BB25sqqq" + "qqqddqqqq")
_SNAP = struct.Struct("<BB25sqqq" + "qqqddqqqq" + "qqd" + "hqqh" * 10 + "qqqq")
_BUY_FLAG, _SELL_FLAG = 1, 0

assert (_LTP.size, _QUOTE.size, _SNAP.size) == (51, 123, 379)  # noqa: S101 - a wrong layout must not even start


def ltp_packet(quote: Quote) -> bytes:
    return _LTP.pack(LTP, *_head(quote))


def quote_packet(quote: Quote) -> bytes:
    return _QUOTE.pack(QUOTE, *_head(quote), *_day(quote, *quote.depth()))


def snap_quote_packet(quote: Quote) -> bytes:
    """Buys then sells; each entry is flag (1 = buy), quantity, price, number of orders."""
    buys, sells = quote.depth()
    best_five: list[int] = []
    for flag, levels in ((_BUY_FLAG, buys), (_SELL_FLAG, sells)):
        for price, quantity, orders in levels:
            best_five += (flag, quantity, price, orders)
    last_trade_seconds, open_interest, interest_change = quote.last_trade_ms // 1000, 0, 0.0
    return _SNAP.pack(
        SNAP_QUOTE,
        *_head(quote),
        *_day(quote, buys, sells),
        last_trade_seconds,
        open_interest,
        interest_change,
        *best_five,
        quote.upper_circuit,
        quote.lower_circuit,
        *quote.year_range,
    )


PACKET_OF_MODE: Mapping[int, Callable[[Quote], bytes]] = {
    LTP: ltp_packet,
    QUOTE: quote_packet,
    SNAP_QUOTE: snap_quote_packet,
}


def total_quantities(buys: list[DepthLevel], sells: list[DepthLevel]) -> tuple[int, int]:
    """Everything on each side of the market: here, eight times what the best five show."""
    return 8 * sum(level.quantity for level in buys), 8 * sum(level.quantity for level in sells)


def _head(quote: Quote) -> tuple[int, bytes, int, int, int]:
    instrument = quote.instrument
    exchange_type = STREAM_EXCHANGE_TYPES[instrument.exchange]
    return exchange_type, instrument.token.encode(), quote.sequence, quote.last_trade_ms, quote.ltp


def _day(quote: Quote, buys: list[DepthLevel], sells: list[DepthLevel]) -> tuple[float, ...]:
    total_buy, total_sell = total_quantities(buys, sells)
    return (
        quote.last_quantity,
        quote.average,
        quote.volume,
        float(total_buy),
        float(total_sell),
        quote.open,
        quote.high,
        quote.low,
        quote.close,
    )
