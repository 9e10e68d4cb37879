"""Finds an instrument that somebody names, in the catalogue that the feed keeps in Redis."""

from __future__ import annotations

from typing import Any

import msgspec
from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.instruments import Instrument, UnknownInstrumentError

_decoder = msgspec.msgpack.Decoder(Instrument)


async def find_instrument(redis: Redis, symbol: str) -> Instrument:
    """The instrument of a key or of a bare NSE symbol; raises `UnknownInstrumentError`, and redis' errors."""
    wanted = symbol.strip().upper()
    candidates = [wanted] if ":" in wanted else [f"NSE:{wanted}-EQ", f"NSE:{wanted}"]
    found: list[Any] = await redis.hmget(redis_keys.INSTRUMENTS, candidates)
    for packed in found:
        if packed is not None:
            return _decoder.decode(packed)
    raise UnknownInstrumentError(
        f"{symbol!r} is not in today's scrip master (give the whole key, such as NFO:NIFTY24DEC24500CE); "
        "search with GET /v1/instruments:search"
    )
