"""Cursors: places in the history, opaque to those who carry them.

A cursor names the life of the store (`epoch`; after a flush nothing before can be resumed), the shard, the stream entry and how many
of that entry's notifications lie before it; that of who follows everybody names an entry in every shard. Only the order of cursors of
one epoch and shard means anything.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from tradewinds.errors import InvalidArgumentError
from tradewinds.redis_keys import NOTIFICATION_SHARDS

EPOCH_BYTES: Final = 8
_ONE_SHARD: Final = struct.Struct(f">B{EPOCH_BYTES}sBQH")
_ALL_SHARDS: Final = struct.Struct(f">B{EPOCH_BYTES}s{NOTIFICATION_SHARDS}Q")
_VERSION: Final = 1
_WIDE_VERSION: Final = 2
WHOLE_ENTRY: Final = 0xFFFF


# Before the first entry, which is number 1.
START: Final = 0


class Cursor(msgspec.Struct, frozen=True, gc=False):
    """Everything of `entry` up to and including index `index` has been taken, and everything before that entry."""

    epoch: bytes
    shard: int
    entry: int
    index: int = WHOLE_ENTRY

    def encode(self) -> str:
        """27 characters of base64url."""
        return _entry_text(self.epoch, self.shard, self.entry) + _index_text(self.index)


class WideCursor(msgspec.Struct, frozen=True, gc=False):
    """Everything up to `positions` (an entry of each shard) has been taken; `shard` is the one that came last."""

    epoch: bytes
    positions: tuple[int, ...]
    shard: int = 0

    @property
    def number(self) -> int:
        """The entry that came last."""
        return self.positions[self.shard]

    def encode(self) -> str:
        """98 characters of base64url."""
        return _text(_ALL_SHARDS.pack(_WIDE_VERSION, self.epoch, *self.positions))


Place = Cursor | WideCursor


def decode(text: str) -> Place:
    """Raises `InvalidArgumentError` for what `encode` did not make."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if len(packed) == _ALL_SHARDS.size:
            version, epoch, *positions = _ALL_SHARDS.unpack(packed)
            return _known(version, _WIDE_VERSION, WideCursor(epoch, tuple(positions)))
        version, epoch, shard, entry, index = _ONE_SHARD.unpack(packed)
    except (binascii.Error, struct.error, ValueError) as e:
        raise InvalidArgumentError.field("cursor", "is not a cursor of ours; start without one") from e
    return _known(version, _VERSION, Cursor(epoch, shard, entry, index))


def _known(version: int, expected: int, place: Place) -> Place:
    if version != expected:
        raise InvalidArgumentError.field(
            "cursor", f"is of version {version}, this server knows {expected}; start without one"
        )
    return place


# 24 characters of all that it has in common with others of its entry: 18 bytes are a whole number of characters. One entry is for many.
@lru_cache(maxsize=256)
def _entry_text(epoch: bytes, shard: int, entry: int) -> str:
    return _text(_ONE_SHARD.pack(_VERSION, epoch, shard, entry, 0))[:24]


@lru_cache(maxsize=1_024)
def _index_text(index: int) -> str:
    return _text(index.to_bytes(2))


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def _text(packed: bytes) -> str:
    return binascii.b2a_base64(packed, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def newest(one: Place, other: Place) -> Place:
    """The later of two places of one epoch and kind."""
    if isinstance(one, WideCursor) and isinstance(other, WideCursor):
        return WideCursor(one.epoch, _highest(one.positions, other.positions))
    if isinstance(one, Cursor) and isinstance(other, Cursor):
        return max(one, other, key=lambda place: (place.entry, place.index))
    return one


def _highest(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    return tuple(map(max, one, other))


@lru_cache(maxsize=65_536)
def shard_of(user_id: str) -> int:
    """The shard that carries a user's notifications: the same in every process, for ever."""
    return zlib.crc32(user_id.encode()) % NOTIFICATION_SHARDS
