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
# What every layout has in a row, as one block of words: taken out at once, since at a few ticks a batch the number of numpy calls
# is what costs. Some are doubles that nobody reads.
(
    _SEQUENCE,
    _EXCHANGE_MS,
    _LAST_PRICE,
    _LAST_QUANTITY,
    _AVERAGE_PRICE,
    _VOLUME,
    _TOTAL_BUY_QUANTITY,
    _TOTAL_SELL_QUANTITY,
    _OPEN,
    _HIGH,
    _LOW,
    _CLOSE,
    _LAST_TRADED_SECONDS,
    _OPEN_INTEREST,
    _OPEN_INTEREST_CHANGE,  # the broker fills it with garbage
) = range(15)
_LTP_WORDS, _QUOTE_WORDS, _SNAP_WORDS = _LAST_PRICE + 1, _CLOSE + 1, _OPEN_INTEREST_CHANGE + 1
_LEVEL: Final = np.dtype([("flag", "<i2"), ("quantity", "<i8"), ("price", "<i8"), ("orders", "<i2")])
_DEPTH_FIELDS: Final[list[Any]] = [
    ("levels", _LEVEL, 10),  # five of each side, the best first: buys, sells
    ("circuits", "<i8", 2),  # upper, lower
    ("year_high", "<i8"),
    ("year_low", "<i8"),
]
_BEST_OF_EACH_SIDE: Final = slice(None, None, 5)


def _layout(words: int, *more: Any) -> np.dtype[Any]:
    head = [("mode", "u1"), ("exchange_type", "u1"), ("token", f"S{_TOKEN_BYTES}"), ("words", "<i8", words)]
    return np.dtype([*head, *more])


LTP, QUOTE, SNAP_QUOTE = 1, 2, 3
_DEPTH_BYTES: Final = 443  # twenty levels, without a price: never asked for
LAYOUTS: Final[Mapping[int, np.dtype[Any]]] = {
    LTP: _layout(_LTP_WORDS),
    QUOTE: _layout(_QUOTE_WORDS),
    SNAP_QUOTE: _layout(_SNAP_WORDS, *_DEPTH_FIELDS),
}
MODE_OF_LENGTH: Final[Mapping[int, int]] = {layout.itemsize: mode for mode, layout in LAYOUTS.items()}

_FLAG_OF_EACH_SIDE: Final = np.array([1, 0], np.int16)
_CURRENCY: Final = EXCHANGE_TYPE["CDS"]
RUPEE_EXCHANGES: Final = frozenset(EXCHANGE_TYPE.values()) - {_CURRENCY}  # where prices are paise
_MAX_TOKEN: Final = 2**32 - 1  # the tick record's u4
_TOKENS_REMEMBERED: Final = 16_384
# Beyond these a field is noise, not a market: a crore rupees a unit, the year 2100.
_MAX_PRICE_E4: Final = 10**7 * 10_000
MAX_PAISE: Final = _MAX_PRICE_E4 // 100
_MAX_CURRENCY_UNITS: Final = _MAX_PRICE_E4 * 1000
# The highest price in the exchange's own unit, by exchange type; 0 for an exchange type that there is not.
_MOST: Final = np.zeros(256, np.int64)
_MOST[list(EXCHANGE_TYPE.values())] = MAX_PAISE
_MOST[_CURRENCY] = _MAX_CURRENCY_UNITS
MAX_EXCHANGE_MS: Final = 4_102_444_800_000
MAX_I4: Final = 2**31 - 1
BAND_SLACK: Final = 2
_REASONS: Final = ("mode", "exchange", "token", "price", "time", "absurd")

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DecodedTicks:
    """Good ticks in order of arrival, their sequence numbers beside them, the newest of their exchange times (0 for none), and how many
    frames were not good, by reason."""

    ticks: TickArray
    sequences: Int64Array
    newest_ms: int = 0
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
    return DecodedTicks(ticks[order], sequences[order], max(part.newest_ms for part in parts), dict(rejected))


def _unknown_lengths(frames: Sequence[bytes]) -> Iterator[str]:
    return ("depth" if len(frame) == _DEPTH_BYTES else "length" for frame in frames if len(frame) not in MODE_OF_LENGTH)


def decode_layout(mode: int, joined: bytes, received_ns: Int64Array) -> DecodedTicks:
    """Decode packets of one layout laid end to end; raises `ValueError` where the length is not a whole number of them."""
    return _decode_raw(mode, np.frombuffer(joined, dtype=LAYOUTS[mode]), received_ns)[0]


def _decode_raw(mode: int, raw: npt.NDArray[Any], received_ns: Int64Array) -> tuple[DecodedTicks, BoolArray]:
    tokens = np.fromiter(map(token_number, raw["token"].tolist()), np.int64, len(raw))
    words: Int64Array = raw["words"].T.copy()
    price, exchange_ms = words[_LAST_PRICE], words[_EXCHANGE_MS]
    most = _MOST.take(raw["exchange_type"])
    sane_price = (price > 0) & (price <= most)
    sane_time = (exchange_ms > 0) & (exchange_ms < MAX_EXCHANGE_MS)
    right_mode, known_token, within = raw["mode"] == mode, tokens >= 0, _within_band(mode, raw, price)
    good: BoolArray = right_mode & known_token & sane_price & sane_time & within
    rejected: Mapping[str, int] = {}
    if np.count_nonzero(good) != len(good):
        rejected = _reasons(right_mode, most > 0, known_token, sane_price, sane_time, within)
        raw, tokens, words, received_ns, most = raw[good], tokens[good], words[:, good], received_ns[good], most[good]
    sequences = words[_SEQUENCE].copy()
    ticks = _tick_records(raw, mode, tokens, words, most, received_ns)
    return DecodedTicks(ticks, sequences, int(words[_EXCHANGE_MS].max(initial=0)), rejected), good


def _within_band(mode: int, raw: npt.NDArray[Any], price: Int64Array) -> BoolArray:
    """Whether the price is not far beyond the day's band: bands move during the day, and the packet may have an older one."""
    if mode != SNAP_QUOTE:
        return np.ones(len(raw), np.bool_)
    upper, lower = raw["circuits"].T.copy()
    inside: BoolArray = (price <= upper) & (price >= lower)
    if np.count_nonzero(inside) == len(inside):
        return inside
    within: BoolArray = ((upper <= 0) | (price // BAND_SLACK <= upper)) & (price >= lower // BAND_SLACK)
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
def token_number(text: bytes) -> int:
    """The token of NUL-padded decimal digits; -1 for anything else. A few thousand come again and again."""
    number = int(text) if text.isdigit() else -1
    return number if number <= _MAX_TOKEN else -1


def _tick_records(
    raw: npt.NDArray[Any], mode: int, tokens: Int64Array, words: Int64Array, most: Int64Array, received_ns: Int64Array
) -> TickArray:
    ticks = np.zeros(len(raw), dtype=TICK_DTYPE)
    ticks["exchange_type"], ticks["token"], ticks["received_ns"] = raw["exchange_type"], tokens, received_ns
    words = np.maximum(words, 0)
    ticks["exchange_ms"] = words[_EXCHANGE_MS]
    prices = np.zeros((4, len(raw)), np.int64)
    prices[0] = words[_LAST_PRICE]
    if mode >= QUOTE:
        ticks["last_quantity"], ticks["volume"] = np.minimum(words[_LAST_QUANTITY], MAX_I4), words[_VOLUME]
        prices[1] = words[_CLOSE]
    if mode == SNAP_QUOTE:
        ticks["open_interest"] = words[_OPEN_INTEREST]
        prices[2:] = _best(raw["levels"][:, _BEST_OF_EACH_SIDE]).T
    e4 = _to_e4(prices, most, raw["exchange_type"])
    ticks["last_price_e4"], ticks["close_price_e4"], ticks["bid_price_e4"], ticks["ask_price_e4"] = e4
    return ticks


def _best(levels: npt.NDArray[Any]) -> Int64Array:
    """The prices of the best levels, buys then sells; 0 where nobody stands there."""
    price: Int64Array = levels["price"] * ((levels["flag"] == _FLAG_OF_EACH_SIDE) & (levels["quantity"] > 0))
    return price


def _to_e4(prices: Int64Array, most: Int64Array, exchange_type: npt.NDArray[np.uint8]) -> Int64Array:
    """Ten-thousandths of a rupee, in the same shape; 0 for what is no price."""
    sane = prices * ((prices > 0) & (prices <= most))
    if _CURRENCY in exchange_type.tobytes():
        return np.where(exchange_type == _CURRENCY, sane // 1000, sane * 100)
    return sane * 100
