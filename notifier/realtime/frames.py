"""The bytes of what the server says of a notification on its way to a follower, made once.

A frame (`composing.py` puts it together) is one element of `WatchNotificationsResponse.notifications`: what the caller said, as it came,
and behind it what the server adds. Protobuf merges fields that follow each other, so that nothing is decoded on the way, and frames put
one after the other are a response. (The field numbers are the contract's; a test holds the two together.)
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from notifier.types import NotificationType


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_FRAME: Final = b"\x0a"  # WatchNotificationsResponse.notifications
_ID: Final = b"\x0a"
_SEVERITY: Final = b"\x20"
_CREATED_AT: Final = b"\x42"
_PERSISTED: Final = b"\x50\x01"
_MUST_ACKNOWLEDGE: Final = b"\x58\x01"
_EXPIRES_AT: Final = b"\x72"
_CURSOR: Final = b"\x12"
_RESUMED: Final = b"\x18\x01"
_DROPPED: Final = b"\x28"
_END: Final = b"\x22"


def tag_of_bytes(field_number: int) -> bytes:
    """How a text or a message in a field begins."""
    return _varint(field_number << 3 | 2)


@lru_cache(maxsize=256)
def stamp(kind: NotificationType, created_us: int) -> bytes:
    """What the server says of every notification of one type that is accepted at one moment."""
    return b"".join(
        (
            _SEVERITY,
            _varint(kind.severity),
            _moment(_CREATED_AT, created_us),
            _PERSISTED if kind.persisted else b"",
            _MUST_ACKNOWLEDGE if kind.must_acknowledge else b"",
        )
    )


def expiry(expires_us: int) -> bytes:
    """What it says, behind its stamp, of one that expires."""
    return _moment(_EXPIRES_AT, expires_us)


def body(framed: bytes) -> bytes:
    """The notification in one frame."""
    start = 2
    while framed[start - 1] > 0x7F:  # the last byte of its size is not
        start += 1
    return framed[start:]


def response(
    frames: bytes, cursor: str, *, resumed: bool, dropped: int = 0, end: tuple[str, str] | None = None
) -> bytes:
    """A `WatchNotificationsResponse`."""
    parts = [frames]
    if cursor:
        parts.append(_text(_CURSOR, cursor))
    if resumed:
        parts.append(_RESUMED)
    if end is not None:
        reason, message = end
        parts.append(_sized(_END, _text(b"\x0a", reason) + _text(b"\x12", message)))
    if dropped:
        parts.append(_DROPPED + _varint(dropped))
    return b"".join(parts)


def outcome(notification_id: str, duplicate: bool, persisted: bool) -> bytes:
    """One element of `BatchSendNotificationsResponse.responses`."""
    flags = (b"\x10\x01" if duplicate else b"") + (b"\x18\x01" if persisted else b"")
    return _sized(_FRAME, _text(_ID, notification_id) + flags)


def _moment(tag: bytes, microseconds: int) -> bytes:
    seconds, rest = divmod(microseconds, 1_000_000)
    return _sized(tag, b"\x08" + _varint(seconds) + b"\x10" + _varint(rest * 1_000))


def _text(tag: bytes, value: str) -> bytes:
    return _sized(tag, value.encode())


def _sized(tag: bytes, value: bytes) -> bytes:
    return tag + _varint(len(value)) + value
