"""The live streams in Redis: appended by every replica, read by every replica, lost at any moment.

The key `nt:epoch` names one life of the store: a flush or a restart without persistence takes it away together with the streams, and
whoever notices first gives the next life another name. Entries of a shard have consecutive numbers (the ids 1-0, 1-1, …), so that a
reader sees a hole however it came about. Commands are never repeated by the client library: an entry that was perhaps
written is not written again, its gap is marked instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from notifier.realtime import wire
from notifier.realtime.composing import NewEntry
from notifier.realtime.cursor import EPOCH_BYTES, START
from notifier.realtime.room import Reading, Room
from tradewinds import redis_keys
from tradewinds.config import RedisSettings
from tradewinds.database.redis_connection import NO_MAINTENANCE_NOTICES, telling_loss
from tradewinds.database.redis_exchange import Answers, Command, Exchange

STREAM_ERRORS: Final = (RedisError, OSError, TimeoutError)
Done = Callable[[BaseException | None], None]
_SOCKET_SECONDS: Final = 3.0
_WRITE_SECONDS: Final = 2.0
_CONNECT_SECONDS: Final = 1.0
_MAX_CONNECTIONS: Final = 32
_READ_COUNT: Final = 100
# About what one answer may hold: until it is read, it is in Redis' own memory.
_READ_BYTES: Final = 8 * 1024 * 1024
_HISTORY_BYTES: Final = 2 * 1024 * 1024
_TRIM_COUNT: Final = 100
_STREAMS: Final = tuple(redis_keys.notification_stream(shard) for shard in range(redis_keys.NOTIFICATION_SHARDS))
_SHARD_OF_STREAM: Final = {stream.encode(): shard for shard, stream in enumerate(_STREAMS)}
# One argument for a whole batch: the client library takes 15 µs for each. `claim` returns what was there already: its place among the
# keys and its value, one after the other.
_CLAIM: Final = """
local keys, values = unpack(cmsgpack.unpack(ARGV[2]))
local found = {}
for i, key in ipairs(keys) do
  local before = redis.call('SET', key, values[i], 'NX', 'GET', 'PX', ARGV[1])
  if before then found[#found + 1] = i; found[#found + 1] = before end
end
return found
"""
_REMEMBER: Final = """
local keys, values = unpack(cmsgpack.unpack(ARGV[2]))
for i, key in ipairs(keys) do redis.call('SET', key, values[i], 'PX', ARGV[1]) end
"""
# In another life of the store everybody is told anyway: a mark would tell them twice.
_MARK_GAP: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
return redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '1-*', ARGV[3], '1')
"""


@dataclass(frozen=True)
class Entry:
    """One stream entry; `frames` is None in a mark of a gap."""

    shard: int
    number: int
    frames: bytes | None
    index: bytes = b""

    @property
    def size(self) -> int:
        """In bytes, about."""
        return len(self.frames or b"") + len(self.index)


@dataclass(frozen=True)
class ShardState:
    """The first entry that is still there (None: there is none) and the last one that ever was."""

    first: int | None
    last: int

    def has_everything_after(self, position: int) -> bool:
        """Nothing after `position` has been trimmed."""
        return self.last <= position or (self.first is not None and self.first <= position + 1)


def connect(settings: RedisSettings) -> Redis:
    """A client that never sends a command twice; it connects when first used."""
    pool = BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=_MAX_CONNECTIONS,
        timeout=_CONNECT_SECONDS,
        socket_timeout=_SOCKET_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_keepalive=True,
        maint_notifications_config=NO_MAINTENANCE_NOTICES,
        retry=Retry(NoBackoff(), 0),
    )
    pool.connection_class = telling_loss(pool.connection_class)
    return Redis.from_pool(pool)


class StreamStore:
    """Everything that is said to Redis about streams. Each method raises one of `STREAM_ERRORS` when it does not answer."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self.room = Room()
        # The usual size of an entry, of those that are written here, by shard, and of those that are read.
        self._written_bytes = [0.0] * redis_keys.NOTIFICATION_SHARDS
        self._read_bytes = 0.0
        self._reading = Exchange(client)
        self._writing = Exchange(client, _WRITE_SECONDS)
        self._claiming = Exchange(client, _WRITE_SECONDS)

    async def begin(self) -> tuple[bytes, list[ShardState]]:
        """The epoch (a new one if there is none) and the state of every shard, at one instant."""
        pipeline = self._client.pipeline(transaction=True)
        pipeline.set(redis_keys.NOTIFICATION_EPOCH, secrets.token_bytes(EPOCH_BYTES), nx=True)
        pipeline.get(redis_keys.NOTIFICATION_EPOCH)
        for stream in _STREAMS:
            pipeline.xinfo_stream(stream)
        _, epoch, *infos = await pipeline.execute(raise_on_error=False)
        _raise_first(epoch)
        return epoch, [_state(info) for info in infos]

    async def epoch(self) -> bytes | None:
        """The name of this life of the store, if it has one yet."""
        name: Any = await self._client.get(redis_keys.NOTIFICATION_EPOCH)
        return bytes(name) if name is not None else None

    async def read(
        self, positions: Sequence[int], block_ms: int, take: Callable[[bytes | None, list[Entry]], None]
    ) -> None:
        """Give `take` what came after `positions`, with the epoch as it is right after, in the moment in which it is there; wait up to
        `block_ms` for it."""
        places = (_id(position) for position in positions)
        count = self._count(_READ_BYTES // redis_keys.NOTIFICATION_SHARDS)

        def came(answers: Answers) -> None:
            found, epoch = answers
            take(epoch, self._entries(found))

        await self._reading.ask(
            [
                ("XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS", *_STREAMS, *places),
                ("GET", redis_keys.NOTIFICATION_EPOCH),
            ],
            at_once=came,
        )

    def _entries(self, found: Any) -> list[Entry]:
        # A list of pairs, or a map where the connection speaks RESP3.
        streams = found.items() if isinstance(found, dict) else found or ()
        entries = [
            _entry(_SHARD_OF_STREAM[stream], entry_id, dict(zip(fields[::2], fields[1::2], strict=True)))
            for stream, rows in streams
            for entry_id, fields in rows
        ]
        for entry in entries:
            self._read_bytes = _usual(self._read_bytes, entry.size)
        return entries

    async def history(self, shard: int, start: int, end: int) -> tuple[bytes | None, ShardState, list[Entry]]:
        """The first ones of the entries from number `start` to `end`, with epoch and state at the same instant."""
        count = self._count(_HISTORY_BYTES)
        pipeline = self._client.pipeline(transaction=True)
        pipeline.get(redis_keys.NOTIFICATION_EPOCH)
        pipeline.xinfo_stream(_STREAMS[shard])
        pipeline.xrange(_STREAMS[shard], min=_id(start), max=_id(end), count=count)
        epoch, info, rows = await pipeline.execute(raise_on_error=False)
        _raise_first(epoch, rows)
        return epoch, _state(info), [_entry(shard, entry_id, fields) for entry_id, fields in rows]

    def _count(self, wanted_bytes: int) -> int:
        """How many entries make about so many bytes."""
        return max(1, min(_READ_COUNT, int(wanted_bytes / max(1.0, self._read_bytes))))

    async def append(self, entries: Sequence[NewEntry], remember: Mapping[str, str]) -> None:
        """Append entries and remember dedupe keys, all or nothing."""
        _raise_refused(await self._writing.ask(self._appending(entries, remember)))

    def append_at_once(self, entries: Sequence[NewEntry], remember: Mapping[str, str], done: Done) -> bool:
        """The same, on its way when this returns: `done` is called with what `append` raises, or None. False where there is no connection
        (any more): nothing is on its way, and `append` makes one."""
        answered = self._writing.ask_at_once(self._appending(entries, remember))
        if answered is None:
            return False
        answered.add_done_callback(lambda answers: done(_error_of(answers)))
        return True

    def _appending(self, entries: Sequence[NewEntry], remember: Mapping[str, str]) -> list[Command]:
        commands: list[Command] = [
            (
                "XADD",
                _STREAMS[shard],
                "MAXLEN",
                "~",
                self._length_with(shard, len(frames) + len(index)),
                "1-*",
                wire.FRAMES_FIELD,
                frames,
                wire.INDEX_FIELD,
                index,
            )
            for shard, frames, index in entries
        ]
        if remember:
            # Not EVALSHA: after a flush of scripts it would fail inside the transaction, when the entries are written already.
            commands.append(("EVAL", _REMEMBER, 0, int(self.room.remember_seconds * 1_000), _packed(remember)))
        if len(commands) == 1:  # as it is when things are quiet
            return commands
        return [("MULTI",), *commands, ("EXEC",)]

    def _length_with(self, shard: int, entry_bytes: int) -> int:
        """How many entries the stream keeps, now that there comes one of this size."""
        self._written_bytes[shard] = _usual(self._written_bytes[shard], entry_bytes)
        return self._length(shard)

    def _length(self, shard: int) -> int:
        """Fewer when they are large, so that a burst costs history and not memory."""
        usual = max(1.0, self._written_bytes[shard] or self._read_bytes)
        return int(min(redis_keys.NOTIFICATION_STREAM_LENGTH, max(1.0, self.room.stream_bytes / usual)))

    async def cut(self) -> None:
        """Have every stream keep to its room now: where Redis is full, no write comes to do it."""
        for shard, stream in enumerate(_STREAMS):
            await self._client.xtrim(stream, maxlen=self._length(shard), approximate=True)

    async def reading(self) -> Reading:
        """How full Redis is."""
        info: Any = await self._client.info("memory", "stats", "keyspace")
        keys = sum(count["expires"] for name, count in info.items() if name.startswith("db"))
        # Not every service that speaks Redis says how much it may hold: then it is taken for boundless.
        return Reading(info["used_memory"], info.get("maxmemory", 0), keys, info["expired_keys"], time.monotonic())

    async def mark_gap(self, shard: int, epoch: bytes) -> None:
        """Say in the stream that something is missing, if it is still the same life of the store."""
        keys = (redis_keys.NOTIFICATION_EPOCH, _STREAMS[shard])
        arguments = (epoch, str(redis_keys.NOTIFICATION_STREAM_LENGTH), wire.GAP_FIELD)
        await self._client.eval(_MARK_GAP, len(keys), *keys, *arguments)

    async def trim(self, before_us: int) -> None:
        """Forget entries that hold nothing newer than `before_us` (epoch microseconds)."""
        for shard, stream in enumerate(_STREAMS):
            while rows := await self._oldest(stream):
                entries = [_entry(shard, entry_id, fields) for entry_id, fields in rows]
                kept = next((entry.number for entry in entries if _is_newer(entry, before_us)), None)
                await self._client.xtrim(stream, minid=_id(kept or entries[-1].number + 1), approximate=False)
                if kept is not None:
                    break

    async def _oldest(self, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        rows: Any = await self._client.xrange(stream, count=_TRIM_COUNT)
        return list(rows)

    async def claim(self, claims: Sequence[tuple[str, str]], ttl_ms: int) -> dict[int, str]:
        """The places of those keys that were there already, or earlier among them, with their values; all others are ours now, with our
        values, for `ttl_ms`. One call at a time."""
        packed = msgspec.msgpack.encode(([key for key, _ in claims], [value for _, value in claims]))
        (found,) = await self._claiming.ask([("EVAL", _CLAIM, 0, ttl_ms, packed)])
        return {place - 1: value.decode() for place, value in zip(found[::2], found[1::2], strict=True)}

    async def release(self, keys: Sequence[str]) -> None:
        """Give claims back, if Redis answers; otherwise they end by themselves."""
        if keys:
            with contextlib.suppress(*STREAM_ERRORS):
                await self._client.delete(*keys)

    async def close(self) -> None:
        """Close the connections."""
        await self._reading.close()
        await self._writing.close()
        await self._claiming.close()
        await self._client.aclose()


def _usual(usual: float, size: int) -> float:
    """A mean of the last ones that learns of larger ones sooner: too much memory is worse than too little history."""
    return usual + (size - usual) / (8 if size > usual else 100)


def _packed(values: Mapping[str, str]) -> bytes:
    return msgspec.msgpack.encode((list(values), list(values.values())))


def _raise_first(*answers: object) -> None:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _raise_refused(answers: Answers) -> None:
    """What is refused within a transaction is in the last answer."""
    if isinstance(answers[-1], list):
        _raise_first(*answers[-1])


def _error_of(answered: asyncio.Future[Answers]) -> BaseException | None:
    try:
        _raise_refused(answered.result())
    except Exception as e:  # whatever it is, whoever waits is told
        return e
    return None


def _state(info: Any) -> ShardState:
    if isinstance(info, ResponseError):  # no such key
        return ShardState(None, START)
    _raise_first(info)
    first = info["first-entry"]
    return ShardState(_number(first[0]) if first else None, _number(info["last-generated-id"]))


def _entry(shard: int, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    index = fields.get(wire.INDEX_FIELD)
    frames = fields.get(wire.FRAMES_FIELD) if index is not None else None
    return Entry(shard, _number(entry_id), frames, index or b"")


def _is_newer(entry: Entry, than_us: int) -> bool:
    return entry.frames is not None and wire.decode_index(entry.index).newest_us >= than_us


def _id(number: int) -> str:
    """Redis begins `1-*` with 1-0; 0-0 is before everything."""
    return f"1-{number - 1}" if number else "0-0"


def _number(entry_id: bytes) -> int:
    life, _, sequence = entry_id.partition(b"-")
    return int(sequence) + 1 if life == b"1" else 0
