"""The cursor: a place in the history of one shard, opaque to those who carry it.

It names the life of the store (`epoch`; after a flush nothing before can be resumed), the shard, the stream entry and how many of that
entry's notifications lie before it. Only the order of cursors of one epoch and shard means anything.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from tradewinds.errors import InvalidArgumentError
from tradewinds.redis_keys import NOTIFICATION_SHARDS

EPOCH_BYTES: Final = 8
_LAYOUT: Final = struct.Struct(f">B{EPOCH_BYTES}sBQH")
_VERSION: Final = 1
WHOLE_ENTRY: Final = 0xFFFF


# Before the first entry, which is number 1.
START: Final = 0


@dataclass(frozen=True)
class Cursor:
    """Everything of `entry` up to and including index `index` has been taken, and everything before that entry."""

    epoch: bytes
    shard: int
    entry: int
    index: int = WHOLE_ENTRY

    def encode(self) -> str:
        """27 characters of base64url."""
        packed = _LAYOUT.pack(_VERSION, self.epoch, self.shard, self.entry, self.index)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(text: str) -> Cursor:
    """Raises `InvalidArgumentError` for what `encode` did not make."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, epoch, shard, entry, index = _LAYOUT.unpack(packed)
    except (binascii.Error, struct.error, ValueError) as e:
        raise InvalidArgumentError.field("cursor", "is not a cursor of ours; start without one") from e
    if version != _VERSION:
        raise InvalidArgumentError.field("cursor", f"is of version {version}, this server knows 1; start without one")
    return Cursor(epoch, shard, entry, index)


def shard_of(user_id: str) -> int:
    """The shard that carries a user's notifications: the same in every process, for ever."""
    return zlib.crc32(user_id.encode()) % NOTIFICATION_SHARDS
