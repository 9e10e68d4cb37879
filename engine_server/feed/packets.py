"""Binary packets of the market socket, decoded in bulk: one numpy view per layout, no Python per tick.

Little endian, one tick per WebSocket frame, 51 (LTP), 123 (QUOTE) or 379 (SNAP_QUOTE) bytes (SmartAPI WebSocket 2.0).
Prices are integers of paise; of ten-millionths of a rupee in the currency segment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tradewinds.instruments import EXCHANGE_TYPE
from tradewinds.ticks import TICK_DTYPE, TickArray

_TOKEN_BYTES: Final = 25
_LTP_FIELDS: Final[list[Any]] = [
    ("mode", "u1"),
    ("exchange_type", "u1"),
    ("token", f"S{_TOKEN_BYTES}"),
    ("sequence", "<i8"),
    ("exchange_ms", "<i8"),
    ("last_price", "<i8"),
]
_QUOTE_FIELDS: Final[list[Any]] = [
    *_LTP_FIELDS,
    ("last_quantity", "<i8"),
    ("average_price", "<i8"),
    ("volume", "<i8"),
    ("total_buy_quantity", "<f8"),
    ("total_sell_quantity", "<f8"),
    ("open", "<i8"),
    ("high", "<i8"),
    ("low", "<i8"),
    ("close", "<i8"),
]
_LEVEL: Final = np.dtype([("flag", "<i2"), ("quantity", "<i8"), ("price", "<i8"), ("orders", "<i2")])
_SNAP_FIELDS: Final[list[Any]] = [
    *_QUOTE_FIELDS,
    ("last_traded_seconds", "<i8"),
    ("open_interest", "<i8"),
    ("open_interest_change", "<f8"),  # the broker fills it with garbage
    ("buys", _LEVEL, 5),
    ("sells", _LEVEL, 5),
    ("upper_circuit", "<i8"),
    ("lower_circuit", "<i8"),
    ("year_high", "<i8"),
    ("year_low", "<i8"),
]
LTP, QUOTE, SNAP_QUOTE = 1, 2, 3
_DEPTH_BYTES: Final = 443  # twenty levels, without a price: never asked for
LAYOUTS: Final[Mapping[int, np.dtype[Any]]] = {
    LTP: np.dtype(_LTP_FIELDS),
    QUOTE: np.dtype(_QUOTE_FIELDS),
    SNAP_QUOTE: np.dtype(_SNAP_FIELDS),
}
MODE_OF_LENGTH: Final[Mapping[int, int]] = {layout.itemsize: mode for mode, layout in LAYOUTS.items()}

_BUY_FLAG, _SELL_FLAG = 1, 0
_CURRENCY: Final = EXCHANGE_TYPE["CDS"]
_MAX_TOKEN: Final = 2**32 - 1  # the tick record's u4
_TOKENS_REMEMBERED: Final = 16_384
# Beyond these a field is noise, not a market: a crore rupees a unit, the year 2100.
_MAX_PRICE_E4: Final = 10**7 * 10_000
_MAX_PAISE: Final = _MAX_PRICE_E4 // 100
_MAX_CURRENCY_UNITS: Final = _MAX_PRICE_E4 * 1000
# The highest price in the exchange's own unit, by exchange type; 0 for an exchange type that there is not.
_MOST: Final = np.zeros(256, np.int64)
_MOST[list(EXCHANGE_TYPE.values())] = _MAX_PAISE
_MOST[_CURRENCY] = _MAX_CURRENCY_UNITS
_MAX_EXCHANGE_MS: Final = 4_102_444_800_000
_MAX_I4: Final = 2**31 - 1
_BAND_SLACK: Final = 2
_REASONS: Final = ("mode", "exchange", "token", "price", "time", "absurd")

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DecodedTicks:
    """Good ticks in order of arrival, their sequence numbers beside them, and how many frames were not, by reason."""

    ticks: TickArray
    sequences: Int64Array
    rejected: Mapping[str, int] = field(default_factory=dict)


NOTHING: Final = DecodedTicks(np.empty(0, TICK_DTYPE), np.empty(0, np.int64))


def decode(frames: Sequence[bytes], received_ns: Sequence[int]) -> DecodedTicks:
    """Decode what the socket delivered, whatever mixture of layouts, in order of arrival.

    Rejected is a frame of an unknown length, mode, exchange or token, without a positive price or with an absurd price or time.
    """
    lengths = set(map(len, frames))
    mode = MODE_OF_LENGTH.get(lengths.pop()) if len(lengths) == 1 else None
    if mode is None:
        return _decode_mixed(frames, received_ns)
    return decode_layout(mode, b"".join(frames), np.array(received_ns, dtype=np.int64))


def _decode_mixed(frames: Sequence[bytes], received_ns: Sequence[int]) -> DecodedTicks:
    received = np.array(received_ns, dtype=np.int64)
    parts, arrivals = [NOTHING], [np.empty(0, np.int64)]
    for mode, layout in LAYOUTS.items():
        where = np.array([i for i, frame in enumerate(frames) if len(frame) == layout.itemsize], dtype=np.int64)
        raw = np.frombuffer(b"".join(frames[i] for i in where), dtype=layout)
        part, good = _decode_raw(mode, raw, received[where])
        parts.append(part)
        arrivals.append(where[good])
    order = np.argsort(np.concatenate(arrivals), kind="stable")
    rejected = sum((Counter(part.rejected) for part in parts), Counter(_unknown_lengths(frames)))
    ticks, sequences = (np.concatenate([part.ticks for part in parts]), np.concatenate([p.sequences for p in parts]))
    return DecodedTicks(ticks[order], sequences[order], dict(rejected))


def _unknown_lengths(frames: Sequence[bytes]) -> Iterator[str]:
    return ("depth" if len(frame) == _DEPTH_BYTES else "length" for frame in frames if len(frame) not in MODE_OF_LENGTH)


def decode_layout(mode: int, joined: bytes, received_ns: Int64Array) -> DecodedTicks:
    """Decode packets of one layout laid end to end; raises `ValueError` where the length is not a whole number of them."""
    return _decode_raw(mode, np.frombuffer(joined, dtype=LAYOUTS[mode]), received_ns)[0]


def _decode_raw(mode: int, raw: npt.NDArray[Any], received_ns: Int64Array) -> tuple[DecodedTicks, BoolArray]:
    tokens = np.fromiter(map(_token_number, raw["token"].tolist()), np.int64, len(raw))
    price, exchange_ms, exchange_type = raw["last_price"], raw["exchange_ms"], raw["exchange_type"]
    most = _MOST[exchange_type]
    sane_price = (price > 0) & (price <= most)
    sane_time = (exchange_ms > 0) & (exchange_ms < _MAX_EXCHANGE_MS)
    right_mode, within = raw["mode"] == mode, _within_band(mode, raw)
    good: BoolArray = right_mode & (tokens >= 0) & sane_price & sane_time & within
    rejected: Mapping[str, int] = {}
    if not good.all():
        rejected = _reasons(right_mode, most > 0, tokens >= 0, sane_price, sane_time, within)
        raw, tokens, received_ns = raw[good], tokens[good], received_ns[good]
    return DecodedTicks(_tick_records(raw, mode, tokens, received_ns), raw["sequence"].copy(), rejected), good


def _within_band(mode: int, raw: npt.NDArray[Any]) -> BoolArray:
    """Whether the price is not far beyond the day's band: bands move during the day, and the packet may have an older one."""
    if mode != SNAP_QUOTE:
        return np.ones(len(raw), np.bool_)
    price, upper, lower = raw["last_price"], raw["upper_circuit"], raw["lower_circuit"]
    within: BoolArray = ((upper <= 0) | (price // _BAND_SLACK <= upper)) & (price >= lower // _BAND_SLACK)
    return within


def _reasons(*fine: BoolArray) -> dict[str, int]:
    """How many were rejected for which of `_REASONS`; a frame counts for the first."""
    counts, good = {}, np.ones(len(fine[0]), np.bool_)
    for reason, passed in zip(_REASONS, fine, strict=True):
        if bad := int(np.count_nonzero(good & ~passed)):
            counts[reason] = bad
        good &= passed
    return counts


@lru_cache(_TOKENS_REMEMBERED)
def _token_number(text: bytes) -> int:
    """The token of NUL-padded decimal digits; -1 for anything else. A few thousand come again and again."""
    number = int(text) if text.isdigit() else -1
    return number if number <= _MAX_TOKEN else -1


def _tick_records(raw: npt.NDArray[Any], mode: int, tokens: Int64Array, received_ns: Int64Array) -> TickArray:
    ticks = np.zeros(len(raw), dtype=TICK_DTYPE)
    ticks["exchange_type"] = raw["exchange_type"]
    ticks["token"] = tokens
    ticks["exchange_ms"] = raw["exchange_ms"]
    ticks["received_ns"] = received_ns
    # All prices at once: at a few ticks a batch the number of numpy calls is what costs.
    prices = np.zeros((4, len(raw)), np.int64)
    prices[0] = raw["last_price"]
    if mode >= QUOTE:
        ticks["last_quantity"] = np.minimum(np.maximum(raw["last_quantity"], 0), _MAX_I4)
        ticks["volume"] = np.maximum(raw["volume"], 0)
        prices[1] = raw["close"]
    if mode == SNAP_QUOTE:
        ticks["open_interest"] = np.maximum(raw["open_interest"], 0)
        prices[2] = _best(raw["buys"][:, 0], _BUY_FLAG)
        prices[3] = _best(raw["sells"][:, 0], _SELL_FLAG)
    e4 = _to_e4(prices, raw["exchange_type"])
    ticks["last_price_e4"], ticks["close_price_e4"], ticks["bid_price_e4"], ticks["ask_price_e4"] = e4
    return ticks


def _best(level: npt.NDArray[Any], flag: int) -> Int64Array:
    """The price of the best level; 0 where nobody stands there."""
    price: Int64Array = level["price"] * ((level["flag"] == flag) & (level["quantity"] > 0))
    return price


def _to_e4(prices: Int64Array, exchange_type: npt.NDArray[np.uint8]) -> Int64Array:
    """Ten-thousandths of a rupee, in the same shape; 0 for what is no price."""
    most = _MOST[exchange_type]
    sane = prices * ((prices > 0) & (prices <= most))
    currency = exchange_type == _CURRENCY
    if currency.any():
        return np.where(currency, sane // 1000, sane * 100)
    return sane * 100
