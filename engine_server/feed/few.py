"""A few packets, one by one: up to a dozen or so a batch in Python what numpy does for more, whose calls cost the same for one as for many.

Only what is plainly good is settled here: `None` says that something is not, and then the whole batch takes the bulk way, which knows
every reason. A test holds both to the same result.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from engine_server.feed.packets import (
    BAND_SLACK,
    MAX_EXCHANGE_MS,
    MAX_I4,
    MAX_PAISE,
    RUPEE_EXCHANGES,
    SNAP_QUOTE,
    DecodedTicks,
    token_number,
)
from engine_server.feed.tick_routes import Int64Array, TickRoutes
from tradewinds.ticks import TICK_DTYPE, TICK_RECORD, TickArray

# mode, exchange type, token; sequence, time, last price, last quantity; volume; close; open interest; of the best buy and the best sell
# flag, quantity and price; the upper and the lower circuit.
_PACKET: Final = struct.Struct("<BB25s4q8xq16x24xq8xq8xhqq2x80xhqq2x80x2q16x")
_BUY, _SELL = 1, 0
_PAISE_E4: Final = 100
_ABSURD_FACTOR: Final = 10


def decode_few(frames: Sequence[bytes], received_ns: Sequence[int]) -> DecodedTicks | None:
    """What `decode` says of them, where all are good packets of the fullest layout, priced in paise."""
    records, sequences, newest_ms = bytearray(), [], 0
    for frame, received in zip(frames, received_ns, strict=True):
        if len(frame) != _PACKET.size:
            return None
        fields = _PACKET.unpack(frame)
        record = _record(fields, received)
        if record is None:
            return None
        records += record
        sequences.append(fields[3])
        newest_ms = max(newest_ms, fields[4])
    return DecodedTicks(np.frombuffer(records, TICK_DTYPE), np.array(sequences, np.int64), newest_ms)


def _record(fields: tuple[Any, ...], received_ns: int) -> bytes | None:
    (mode, exchange, token_text, _, exchange_ms, price, quantity, volume, close, interest) = fields[:10]
    (buy_flag, buy_quantity, buy, sell_flag, sell_quantity, sell, upper, lower) = fields[10:]
    token = token_number(token_text.rstrip(b"\0"))
    is_plain = (
        mode == SNAP_QUOTE
        and exchange in RUPEE_EXCHANGES
        and token >= 0
        and 0 < exchange_ms < MAX_EXCHANGE_MS
        and 0 < price <= MAX_PAISE
        and (upper <= 0 or price // BAND_SLACK <= upper)
        and price >= lower // BAND_SLACK
        and 0 <= quantity <= MAX_I4
        and volume >= 0
        and 0 <= close <= MAX_PAISE
        and interest >= 0
    )
    if not is_plain:
        return None
    bid = buy if buy_flag == _BUY and buy_quantity > 0 and 0 < buy <= MAX_PAISE else 0
    ask = sell if sell_flag == _SELL and sell_quantity > 0 and 0 < sell <= MAX_PAISE else 0
    prices = price * _PAISE_E4, bid * _PAISE_E4, ask * _PAISE_E4
    return TICK_RECORD.pack(
        exchange, 0, token, *prices, quantity, volume, close * _PAISE_E4, exchange_ms, received_ns, interest
    )


def take_news(
    ticks: TickArray, sequences: Int64Array, routes: TickRoutes, memory: Int64Array, oldest_ms: float, latest_ms: int
) -> tuple[list[int], int] | None:
    """The slots of ticks that are all news, of times between these two, and the newest time that is remembered of them. Remembered is
    the last of each slot: number, time and price."""
    numbers, times, prices = memory
    seen: dict[int, tuple[int, int, int]] = {}
    slots, newest_ms = [], 0
    for tick, number in zip(TICK_RECORD.iter_unpack(ticks.tobytes()), sequences.tolist(), strict=True):
        exchange_type, _, token, price, _, _, _, _, close, exchange_ms, _, _ = tick
        slot = routes.numbered.get(exchange_type << 32 | token)
        if slot is None or not oldest_ms <= exchange_ms <= latest_ms:
            return None
        if close and not close // _ABSURD_FACTOR <= price < (close + 1) * _ABSURD_FACTOR:
            return None
        known_number, known_ms, _ = seen.get(slot) or (numbers.item(slot), times.item(slot), 0)
        if number <= known_number and exchange_ms <= known_ms:
            return None
        seen[slot] = number, exchange_ms, price
        slots.append(slot)
    for slot, (number, exchange_ms, price) in seen.items():
        numbers[slot], times[slot], prices[slot] = number, exchange_ms, price
        newest_ms = max(newest_ms, exchange_ms)  # a newer number may be of an earlier time
    return slots, newest_ms
