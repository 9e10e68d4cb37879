"""What a stream entry holds: the frames of notifications of one shard, and an index of them; or a mark that some are missing there.

Whoever follows everybody takes the frames as they are; whoever follows one user takes theirs by the index.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Final

import msgspec

from notifier.types import DeliveryClass

FRAMES_FIELD: Final = b"b"
# Another name where the index is another: what was written before is a gap to us, and not misread.
INDEX_FIELD: Final = b"w"
# Written where a replica could not write notifications that it had promised to tell: whoever follows has a gap there.
GAP_FIELD: Final = b"g"
MAXIMUM_ENTRY: Final = 500  # below the index that means a whole entry
MAXIMUM_ENTRY_BYTES: Final = 256 * 1024


class Told(msgspec.Struct, gc=False):
    """What followers are told: the frame of one notification, or (`user_id` is empty) the frames of `count`. `text` is its JSON, once
    somebody has needed it: it is made for one follower and serves all."""

    user_id: str
    frames: bytes
    delivery_class: int
    expires_us: int = 0
    count: int = 1
    text: bytes = b""

    @property
    def size(self) -> int:
        """About how many bytes it takes in a queue."""
        return len(self.frames) + 100


class Index(msgspec.Struct, array_like=True, dict=True):
    """Whose each of `count` frames is, where it ends, and what else decides about it. Columns in one piece each: they are written and
    read as such, and taken apart only where somebody follows one user."""

    newest_us: int
    count: int
    joined_users: bytes  # UTF-8, a NUL between two of them; none holds one
    packed_ends: bytes  # 32 bits each, as the machine has them
    classes: bytes
    packed_expires_us: bytes  # 64 bits each; empty where none expires

    @cached_property
    def users(self) -> list[str]:
        """Whose each frame is."""
        return self.joined_users.decode().split("\0")

    @cached_property
    def ends(self) -> Sequence[int]:
        """Where each frame ends."""
        return array("I", self.packed_ends)

    @cached_property
    def expires_us(self) -> Sequence[int]:
        """When each frame is over (0: never); empty where none is."""
        return array("q", self.packed_expires_us)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Index).decode


def packed_index(
    newest_us: int, count: int, joined_users: bytes, packed_ends: bytes, classes: bytes, packed_expires_us: bytes
) -> bytes:
    """The index of one entry."""
    return _encode(Index(newest_us, count, joined_users, packed_ends, classes, packed_expires_us))


def decode_index(index: bytes) -> Index:
    """The index of one entry."""
    return _decode(index)


def at(index: Index, frames: bytes, position: int) -> Told:
    """The notification at one position of an entry."""
    return Told(
        index.users[position],
        frames[index.ends[position - 1] if position else 0 : index.ends[position]],
        index.classes[position],
        index.expires_us[position] if index.packed_expires_us else 0,
    )


def whole(index: Index, frames: bytes) -> Told:
    """Everything of one entry that has not expired, for who follows everybody."""
    if index.packed_expires_us and is_over(min(filter(None, index.expires_us))):
        everything = [at(index, frames, position) for position in range(index.count)]
        fresh = [one for one in everything if not is_over(one.expires_us)]
        return Told("", b"".join([one.frames for one in fresh]), DeliveryClass.PERSISTED, count=len(fresh))
    return Told("", frames, DeliveryClass.PERSISTED, count=index.count)


def is_over(expires_us: int) -> bool:
    """Whether something that expires then (0: never) is not worth telling any more."""
    return 0 < expires_us <= time.time() * 1e6
