"""What a stream entry holds: a msgpack array of notifications of one shard, or a mark that some are missing there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from notifier.notification import Notification

BATCH_FIELD: Final = b"b"
# Written where a replica could not write notifications that it had promised to tell: whoever follows has a gap there.
GAP_FIELD: Final = b"g"
MAXIMUM_ENTRY: Final = 500  # below the index that means a whole entry
MAXIMUM_ENTRY_BYTES: Final = 256 * 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Notification]).decode


def encode(notifications: Sequence[Notification]) -> bytes:
    """One entry's batch."""
    return _encode(notifications)


def decode(batch: bytes) -> list[Notification]:
    """The batch of one entry."""
    return _decode(batch)


def size_of(notification: Notification) -> int:
    """About how many bytes it takes anywhere: good enough for bounds."""
    return 200 + len(notification.title) + len(notification.message) + len(_encode(notification.data))


def split(notifications: Sequence[Notification]) -> Iterator[Sequence[Notification]]:
    """Parts that each fit an entry, in order."""
    start, size = 0, 0
    for index, notification in enumerate(notifications):
        size += size_of(notification)
        if index - start >= MAXIMUM_ENTRY or (size > MAXIMUM_ENTRY_BYTES and index > start):
            yield notifications[start:index]
            start, size = index, size_of(notification)
    if start < len(notifications):
        yield notifications[start:]
