"""The market socket's binary packets: little endian, one tick each, 51, 123, 379 or 443 bytes (smartapi_protocol 4.3)."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace

from sandbox.market import DepthLevel, Quote
from sandbox.universe import STREAM_EXCHANGE_TYPES

LTP, QUOTE, SNAP_QUOTE, DEPTH = 1, 2, 3, 4
DEPTH_LEVELS = 20

_LTP = struct.Struct("<BB25sqqq")
_QUOTE = struct.Struct("<BB25sqqq" + "qqqddqqqq")
_SNAP = struct.Struct("<BB25sqqq" + "qqqddqqqq" + "qqd" + "hqqh" * 10 + "qqqq")
_DEPTH = struct.Struct("<BB25sqq" + "iih" * 2 * DEPTH_LEVELS)
_MOST_ORDERS = 32_767
_LEAP = 50  # the dearest scrips still fit into the four bytes of a depth price
_BUY_FLAG, _SELL_FLAG = 1, 0

assert (_LTP.size, _QUOTE.size, _SNAP.size, _DEPTH.size) == (51, 123, 379, 443)  # noqa: S101 - a wrong layout must not even start


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
    last_trade_seconds = quote.last_trade_ms // 1000
    open_interest, interest_change = quote.open_interest, quote.open_interest_change_percent
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


def depth_packet(quote: Quote) -> bytes:
    """Twenty buys, then twenty sells, each quantity, price, number of orders. There is no sequence and no last price in it, and
    the time at which the packet was received is the exchange's.
    """
    levels: list[int] = []
    for side in quote.depth(DEPTH_LEVELS):
        for price, quantity, orders in side:
            levels += (quantity, price, min(orders, _MOST_ORDERS))
    instrument, at_ms = quote.instrument, quote.last_trade_ms
    exchange_type = STREAM_EXCHANGE_TYPES[instrument.exchange]
    return _DEPTH.pack(DEPTH, exchange_type, instrument.token.encode(), at_ms, at_ms, *levels)


def leapt(quote: Quote) -> Quote:
    """The same market at a price that cannot be (fault `price_absurd`); only who listens sees it, nothing trades there."""
    return replace(quote, ltp=quote.ltp * _LEAP, bid=quote.bid * _LEAP, ask=quote.ask * _LEAP)


def not_a_number(packet: bytes) -> bytes:
    """The same packet with rubbish for numbers (fault `tick_nan`): no last price, and NaN where a field is a double."""
    broken = bytearray(packet)
    if len(packet) == _DEPTH.size:
        broken[43:] = bytes(len(packet) - 43)
        return bytes(broken)
    broken[43:51] = bytes(8)
    if len(packet) >= _QUOTE.size:
        broken[75:91] = struct.pack("<dd", math.nan, math.nan)
    return bytes(broken)


PACKET_OF_MODE: Mapping[int, Callable[[Quote], bytes]] = {
    LTP: ltp_packet,
    QUOTE: quote_packet,
    SNAP_QUOTE: snap_quote_packet,
    DEPTH: depth_packet,
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
