"""Server-sent events (WHATWG HTML §9.2): the bytes of a stream.

`id:` is the cursor, so that a browser resumes by itself with Last-Event-ID; `event:` is notification, resync or end. A heartbeat is a
comment; its `id:` keeps the cursor of a quiet user young without making an event.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec

from notifier.realtime.subscription import Batch, End
from notifier.realtime.wire import Told
from notifier.rpc.frame_text import json_text

_RETRY_MS: Final = range(500, 4_000)
_encode: Final = msgspec.json.Encoder().encode


def opening() -> bytes:
    """How a stream begins: it says when to come back after it has ended, to each follower another time, or a restart would bring all of
    them back in the same instant."""
    return f"retry: {_RETRY_MS[secrets.randbelow(len(_RETRY_MS))]}\n\n".encode()


def event_bytes(batch: Batch) -> bytes:
    """One batch as events, in order: resync, notifications, end; a comment when it is empty."""
    if len(batch.deliveries) == 1 and not batch.resync and batch.end is None:  # nearly always
        return _notification(batch.cursor, batch.deliveries[0].told)
    parts: list[bytes] = []
    if batch.resync:
        parts.append(_event("resync", batch.cursor if not batch.deliveries else "", _encode(resync_of(batch))))
    deliveries = batch.deliveries
    if deliveries:
        # The last one's place is the batch's, which is text already.
        parts += [_notification(delivery.cursor.encode(), delivery.told) for delivery in deliveries[:-1]]
        parts.append(_notification(batch.cursor, deliveries[-1].told))
    if batch.end is not None:
        parts.append(_event("end", "", _encode(end_of(batch.end))))
    return b"".join(parts) or _heartbeat(batch.cursor)


def chunk(batch: Batch) -> bytes:
    """The same as a chunk of HTTP/1.1."""
    events = event_bytes(batch)
    return b"%x\r\n%b\r\n" % (len(events), events)


def resync_of(batch: Batch) -> dict[str, Any]:
    """What a follower is told where something may be missing."""
    message = "notifications may have been lost before this; list them with GET /v1/notifications"
    return {"message": message, "dropped": batch.dropped}


def end_of(end: End) -> dict[str, Any]:
    """A stream's last word."""
    return {"reason": end.reason, "message": end.message}


def text_of(told: Told) -> bytes:
    """The JSON of one notification, made once for all its followers."""
    if not told.text:
        told.text = json_text(told.frames)
    return told.text


def _notification(cursor: str, told: Told) -> bytes:
    return b"id: %b\nevent: notification\ndata: %b\n\n" % (cursor.encode(), text_of(told))


def _event(name: str, cursor: str, text: bytes) -> bytes:
    # JSON has no raw line break, so that one data line is enough.
    identifier = f"id: {cursor}\n" if cursor else ""
    return f"{identifier}event: {name}\ndata: ".encode() + text + b"\n\n"


def _heartbeat(cursor: str) -> bytes:
    return f"id: {cursor}\n: beat\n\n".encode() if cursor else b": beat\n\n"
