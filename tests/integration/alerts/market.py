"""The market as the feed writes it to Valkey: instruments, ticks with their quotes, silence."""

from __future__ import annotations

import time
from decimal import Decimal

import msgspec
import numpy as np
from redis.asyncio import Redis

from tradewinds import redis_keys
from tradewinds.instruments import Instrument
from tradewinds.ticks import TICK_DTYPE

SBIN, RELIANCE, NIFTY, FUTURE = "NSE:SBIN-EQ", "NSE:RELIANCE-EQ", "NSE:NIFTY 50", "NFO:SBIN26NOVFUT"
_LISTED = {SBIN: ("EQ", "3045"), RELIANCE: ("EQ", "2885"), NIFTY: ("INDEX", "99926000"), FUTURE: ("FUT", "55000")}


def an_instrument(key: str) -> Instrument:
    exchange, symbol = key.split(":")
    kind, token = _LISTED[key]
    return Instrument(
        key=key,
        exchange=exchange,
        symbol=symbol,
        token=token,
        name=symbol,
        kind=kind,
        lot_size=1,
        tick_size=Decimal("0.05"),
    )


async def list_instruments(redis: Redis, *keys: str, version: str = "v1") -> None:
    """A scrip master that has these only."""
    await redis.delete(redis_keys.INSTRUMENTS)
    rows = {key: msgspec.msgpack.encode(an_instrument(key)) for key in keys}
    await redis.hset(redis_keys.INSTRUMENTS, mapping=rows)  # type: ignore[arg-type]
    await redis.set(redis_keys.INSTRUMENTS_VERSION, version)


class Market:
    """Market time goes on by a second with every tick."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._market_ms = 1_795_146_300_000

    async def tick(self, key: str, *prices: float, is_streamed: bool = True, **columns: int) -> None:
        """One tick a price, in one entry, and the quote of the last one. One that is not streamed was trimmed before anybody read."""
        instrument = an_instrument(key)
        records = np.zeros(len(prices), TICK_DTYPE)
        records["exchange_type"], records["token"] = instrument.exchange_type, int(instrument.token)
        records["last_price_e4"] = [round(price * 10_000) for price in prices]
        records["close_price_e4"] = 8_000_000
        records["received_ns"] = time.time_ns()
        for name, value in columns.items():
            records[name] = value
        for record in records:
            self._market_ms += 1_000
            record["exchange_ms"] = self._market_ms
        if is_streamed:
            await self._redis.xadd(redis_keys.TICKS, {"t": records.tobytes()}, maxlen=5_000)
        await self._redis.hset(redis_keys.QUOTES, key, records[-1:].tobytes())
