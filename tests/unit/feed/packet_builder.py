"""Packets as the broker lays them out (SmartAPI WebSocket 2.0), written with struct, independently of our decoder."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

_HEAD = struct.Struct("<BB25sqqq")
_DAY = struct.Struct("<qqqddqqqq")
_REST = struct.Struct("<qqd")
_LEVEL = struct.Struct("<hqqh")


class Level(NamedTuple):
    price: int
    quantity: int


def packet(
    mode: int,
    *,
    exchange_type: int = 1,
    token: int = 2885,
    token_text: bytes | None = None,
    sequence: int = 1,
    exchange_ms: int = 1_790_000_000_000,
    last_price: int = 142_005,
    volume: int = 1_000,
    close: int = 141_050,
    bids: Sequence[Level] = (),
    asks: Sequence[Level] = (),
    circuits: tuple[int, int] = (0, 0),
) -> bytes:
    """One packet of the mode; prices in paise; `circuits` are the upper and the lower one."""
    text = str(token).encode() if token_text is None else token_text
    head = _HEAD.pack(mode, exchange_type, text, sequence, exchange_ms, last_price)
    if mode == 1:
        return head
    day = _DAY.pack(5, last_price, volume, 50.0, 100.0, last_price, last_price, last_price, close)
    if mode == 2:
        return head + day
    rest = _REST.pack(exchange_ms // 1000, 7, 0.0)
    return head + day + rest + _side(1, bids) + _side(0, asks) + struct.pack("<4q", *circuits, 0, 0)


def _side(flag: int, levels: Sequence[Level]) -> bytes:
    padded = [*levels, *[Level(0, 0)] * (5 - len(levels))]
    return b"".join(_LEVEL.pack(flag, level.quantity, level.price, 1) for level in padded)
