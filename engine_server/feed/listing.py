"""One scrip master in force, and what the tick path needs to know of an instrument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from engine_server.feed.sequences import instrument_code
from tradewinds import redis_keys
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.ticks import shard_of


@dataclass(frozen=True)
class Listing:
    """`version` names the content; empty before the first scrip master."""

    version: str
    instruments: Mapping[InstrumentKey, Instrument]


EMPTY_LISTING = Listing("", {})


class Destination(NamedTuple):
    """Where an instrument's ticks go: its canonical key in bytes, its shard. The sequence numbers of an index mean nothing."""

    key: bytes
    shard: int
    is_index: bool


def destinations(instruments: Iterable[Instrument]) -> dict[int, Destination]:
    """By instrument code."""
    found = {}
    for instrument in instruments:
        exchange_type, token = instrument.exchange_type, int(instrument.token)
        shard = shard_of(exchange_type, token, redis_keys.TICK_SHARDS)
        found[instrument_code(exchange_type, token)] = Destination(
            instrument.key.encode(), shard, not instrument.is_tradable
        )
    return found
