"""The instruments that alerts watch: their slots, and the broker's numbers for them in today's scrip master."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from redis.asyncio import Redis

from notifier.alerts.slots import Token
from tradewinds import redis_keys
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts.instruments")

_AT_ONCE: Final = 1_000
_decode = msgspec.msgpack.Decoder(Instrument).decode


class WatchedInstruments:
    """A slot once given stays. `tokens` has None for what the scrip master does not have."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._slot_of: dict[InstrumentKey, int] = {}
        self.keys: list[InstrumentKey] = []
        self.tokens: list[Token | None] = []
        self.version = ""
        self._one_at_a_time = asyncio.Lock()  # a place and its number come together

    def slot(self, key: InstrumentKey) -> int:
        """Its place."""
        return self._slot_of[key]

    async def add(self, keys: Iterable[InstrumentKey]) -> bool:
        """Give these a place too; whether any is new. Raises redis' errors, and then none has one."""
        async with self._one_at_a_time:
            new = [key for key in dict.fromkeys(keys) if key not in self._slot_of]
            tokens = await self._look_up(new)
            for key, token in zip(new, tokens, strict=True):
                self._slot_of[key] = len(self.keys)
                self.keys.append(key)
                self.tokens.append(token)
            return bool(new)

    async def refresh(self) -> bool:
        """Look all of them up again, where another scrip master is in force; whether it is. Raises redis' errors."""
        version = await self._redis.get(redis_keys.INSTRUMENTS_VERSION)
        text = version.decode() if isinstance(version, bytes) else version or ""
        if not text or text == self.version:
            return False
        async with self._one_at_a_time:
            self.tokens = await self._look_up(self.keys)
            self.version = text
        return True

    def gone(self) -> list[InstrumentKey]:
        """Those that the scrip master does not have."""
        return [key for key, token in zip(self.keys, self.tokens, strict=True) if token is None]

    async def _look_up(self, keys: Sequence[InstrumentKey]) -> list[Token | None]:
        tokens: list[Token | None] = []
        for start in range(0, len(keys), _AT_ONCE):
            found: list[Any] = await self._redis.hmget(redis_keys.INSTRUMENTS, list(keys[start : start + _AT_ONCE]))
            tokens += [_token(packed) for packed in found]
        return tokens


def _token(packed: bytes | None) -> Token | None:
    if packed is None:
        return None
    instrument = _decode(packed)
    if not instrument.token.isdigit():
        log.warning_throttled("token.unreadable", instrument=instrument.key, token=instrument.token)
        return None
    return instrument.exchange_type, int(instrument.token)
