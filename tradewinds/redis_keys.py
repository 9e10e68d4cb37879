"""Every Redis key and channel, with its type, time to live and owner. Nothing here is the truth: all of it can be lost at
any moment and is rebuilt by its owner from PostgreSQL or the broker (design §2).

| key | type | TTL | owner (the only writer) | holds |
|---|---|---|---|---|
| `md:instruments` | hash | none, rewritten daily | feed | canonical key -> msgpack `Instrument` |
| `md:instruments:table` | string | none, rewritten daily | feed | the same by column, counted (`engine_server.instruments.packed`) |
| `md:instruments:version` | string | none | feed | content hash of the scrip master in force |
| `md:instruments:day` | string | none | feed | market day that it was fetched for, `YYYY-MM-DD` |
| `md:clock` | string | none | feed | JSON market clock reading |
| `md:quotes` | hash | none | feed | canonical key -> one packed tick record (`tradewinds.ticks`) |
| `md:ticks` | stream, MINID ~ | none | feed | field `t` = packed tick records of one flush; 10 s of them, 32 MiB at most |
| `md:feed` | hash | none | feed | state of the feed (connected, last_tick_ms, subscriptions) |
| `md:bars` | stream, MAXLEN ~ | none | feed | field `b` = msgpack list of closed `tradewinds.bars.Bar` of one moment |
| `md:bars:open` | hash | none | feed | canonical key -> msgpack of the growing one-minute `Bar` |
| `md:bars:wanted` | stream, MAXLEN ~ | none | engine | field `w` = msgpack of one stretch of bars that is to be fetched |
| `md:bars:answer:{wish}` | list | 60 s | feed | msgpack of what became of it |
| `md:events` | stream, MAXLEN ~ | none | feed | field `e` = JSON of one event: kind STALE or RESUMED, reason, instruments |
| `md:stale` | hash | none | feed | canonical key -> epoch ms since when its ticks are missing, in an open market |
| `nt:live:{shard}` | stream, MAXLEN ~ | NOTIFICATION_TTL_SECONDS by trimming | notifier | `b` = notifications, `w` = index; `g` = missing |
| `nt:epoch` | string | none | notifier | random name of this life of the store: gone with the streams |
| `nt:dedupe:{n}:{user}:{key}` | string | 5 to 300 s | notifier | id of the first send; `~id`, 3 s: being sent |
| `nt:group:{user}:{channel}:{type}` | string | the user's grouping window | notifier | messages of this type in this window |
| `nt:limit:{user}:{channel}:{n}` | string | the user's n-th rate limit | notifier | messages in this window |
| `nt:codes:user|address:{digest}` | string | 1 hour | notifier | verification codes of this user, or to this address |
| `od:committed` | channel | - | engine | the engine that has just committed order events |
| `od:reconciled` | hash | none | engine | account -> JSON: `at_ms` of the last reconciliation, `sequences` of its strategies' events |
| `fl:log:{config}` | stream, MAXLEN ~ | 7 days | engine | newest lines of a strategy: `t` real epoch ms, `s` PRINTED or RUNNER, `x` text |
| `fl:status` | hash | none | engine | config id -> JSON status (real-time view of PostgreSQL) |
| channel `md:instruments:changed` | pub/sub | – | feed | new version |
"""

from __future__ import annotations

import hashlib
from typing import Final

INSTRUMENTS: Final = "md:instruments"
INSTRUMENT_TABLE: Final = "md:instruments:table"
INSTRUMENTS_VERSION: Final = "md:instruments:version"
INSTRUMENTS_DAY: Final = "md:instruments:day"
INSTRUMENTS_CHANGED: Final = "md:instruments:changed"
MARKET_CLOCK: Final = "md:clock"
QUOTES: Final = "md:quotes"
TICKS: Final = "md:ticks"
FEED_STATE: Final = "md:feed"
BARS: Final = "md:bars"
OPEN_BARS: Final = "md:bars:open"
BARS_WANTED: Final = "md:bars:wanted"
FEED_EVENTS: Final = "md:events"
STALE: Final = "md:stale"
STRATEGY_STATUS: Final = "fl:status"

RECONCILED: Final = "od:reconciled"
ORDER_EVENTS_COMMITTED: Final = "od:committed"  # pub/sub: the engine that has committed order events

BAR_STREAM_LENGTH: Final = 5_000
BARS_WANTED_LENGTH: Final = 1_000
FEED_EVENT_STREAM_LENGTH: Final = 1_000
NOTIFICATION_SHARDS: Final = 8
NOTIFICATION_STREAM_LENGTH: Final = 20_000
NOTIFICATION_STREAM_BYTES: Final = 32 * 1024 * 1024  # about, and at most; a burst shortens the history, not the memory
NOTIFICATION_EPOCH: Final = "nt:epoch"
DEDUPE_TTL_SECONDS: Final = 300  # at most
_LONGEST_DEDUPE_KEY: Final = 96
STRATEGY_LOG_LENGTH: Final = 2_000
STRATEGY_LOG_TTL_SECONDS: Final = 7 * 24 * 3600


def bars_answer(wish_id: str) -> str:
    """Where the answer to one wish for bars is awaited."""
    return f"md:bars:answer:{wish_id}"


def notification_stream(shard: int) -> str:
    """The stream of one notification shard, 0 <= shard < NOTIFICATION_SHARDS."""
    return f"nt:live:{shard}"


def notification_dedupe(user_id: str, key: str) -> str:
    """The key that remembers a dedupe key of one user; the length of the user id keeps `a:b` + `c` from being `a` + `b:c`.

    A long one is there by its digest, so that each takes about as much memory as any other.
    """
    name = f"nt:dedupe:{len(user_id)}:{user_id}:{key}"
    return name if len(name) <= _LONGEST_DEDUPE_KEY else f"nt:dedupe:#{hashlib.sha256(name.encode()).hexdigest()}"


def notification_group(user_id: str, channel: str, type_: str) -> str:
    """The counter of what one user was told of one type on one channel."""
    return f"nt:group:{user_id}:{channel}:{type_}"


def notification_limit(user_id: str, channel: str, index: int) -> str:
    """The counter of a user's rate limit on one channel."""
    return f"nt:limit:{user_id}:{channel}:{index}"


def notification_codes(of: str, whom: str) -> str:
    """The counter of codes of a user or to an address, which is nobody's business here."""
    return f"nt:codes:{of}:{hashlib.sha256(whom.encode()).hexdigest()[:32]}"


def strategy_log(config_id: str) -> str:
    """The newest lines of one strategy."""
    return f"fl:log:{config_id}"
