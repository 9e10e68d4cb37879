"""What a stream entry holds: the frames of notifications of one shard, and an index of them; or a mark that some are missing there.

Whoever follows everybody takes the frames as they are; whoever follows one user takes theirs by the index.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from notifier.types import DeliveryClass

FRAMES_FIELD: Final = b"b"
INDEX_FIELD: Final = b"i"
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


class Index(msgspec.Struct, array_like=True):
    """Whose each frame is, where it ends, and what else decides about it. `expires_us` is empty where none expires."""

    newest_us: int
    users: list[str]
    ends: list[int]
    classes: bytes
    expires_us: list[int]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Index).decode


def encode(told: Sequence[Told], newest_us: int) -> tuple[bytes, bytes]:
    """One entry: frames and index."""
    ends, position = [], 0
    for one in told:
        position += len(one.frames)
        ends.append(position)
    expires_us = [one.expires_us for one in told]
    index = Index(
        newest_us,
        [one.user_id for one in told],
        ends,
        bytes([one.delivery_class for one in told]),
        expires_us if any(expires_us) else [],
    )
    return b"".join([one.frames for one in told]), _encode(index)


def decode_index(index: bytes) -> Index:
    """The index of one entry."""
    return _decode(index)


def at(index: Index, frames: bytes, position: int) -> Told:
    """The notification at one position of an entry."""
    return Told(
        index.users[position],
        frames[index.ends[position - 1] if position else 0 : index.ends[position]],
        index.classes[position],
        index.expires_us[position] if index.expires_us else 0,
    )


def whole(index: Index, frames: bytes) -> Told:
    """Everything of one entry that has not expired, for who follows everybody."""
    if index.expires_us and is_over(min(filter(None, index.expires_us))):
        everything = [at(index, frames, position) for position in range(len(index.users))]
        fresh = [one for one in everything if not is_over(one.expires_us)]
        return Told("", b"".join([one.frames for one in fresh]), DeliveryClass.PERSISTED, count=len(fresh))
    return Told("", frames, DeliveryClass.PERSISTED, count=len(index.users))


def is_over(expires_us: int) -> bool:
    """Whether something that expires then (0: never) is not worth telling any more."""
    return 0 < expires_us <= time.time() * 1e6


def split(told: Sequence[Told]) -> Iterator[Sequence[Told]]:
    """Parts that each fit an entry, in order."""
    start, size = 0, 0
    for index, one in enumerate(told):
        size += len(one.frames)
        if index - start >= MAXIMUM_ENTRY or (size > MAXIMUM_ENTRY_BYTES and index > start):
            yield told[start:index]
            start, size = index, len(one.frames)
    if start < len(told):
        yield told[start:]
