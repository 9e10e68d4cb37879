"""proto ⇄ domain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from google.protobuf import struct_pb2, timestamp_pb2

from notifier.drafts import Outcome
from notifier.moments import timestamp
from notifier.notification import NOT_DECODED, NewNotification, Notification
from notifier.realtime import frames as frame_bytes
from notifier.realtime.subscription import Batch
from notifier.streaming import Progress
from notifier.types import REALTIME
from tradewinds.auth import Principal
from tradewinds.v1 import notifier_pb2

_SEVERITIES: Final = {value: name for name, value in notifier_pb2.Severity.items()}


def new_notification(request: notifier_pb2.SendNotificationRequest, user_id: str) -> NewNotification:
    """What a request, which this consumes, asks for on behalf of `user_id`.

    Whoever calls must have discarded unknown fields: their bytes would travel on, and might mean something in a Notification.
    """
    dedupe_key, ttl_seconds = request.dedupe_key, request.ttl_seconds
    if request.user_id != user_id:
        request.user_id = user_id
    # No part of the notification.
    if dedupe_key:
        request.ClearField("dedupe_key")
    if ttl_seconds:
        request.ClearField("ttl_seconds")
    if request.locale or request.HasField("template_parameters"):
        request.ClearField("template_parameters")
        request.ClearField("locale")
    if not request.HasField("data"):
        request.data.SetInParent()  # an empty object is there too
    type_, content = request.type, request.SerializeToString()
    # Nobody wants to see the facts of what is only told; a row has them, and they are at hand now.
    data = NOT_DECODED if type_ in REALTIME else plain_struct(request.data)
    return NewNotification(user_id, type_, request.title, request.message, data, dedupe_key, ttl_seconds, content)


def once_under(request: notifier_pb2.SendNotificationRequest, caller: Principal, request_id: str) -> None:
    """Give a request that has none a dedupe key of its call: an answer that was lost with this process repeats nothing."""
    if not request.dedupe_key:
        digest = hashlib.sha256(f"{caller.subject}/{request_id}".encode()).hexdigest()
        request.dedupe_key = f"request:{digest}"


def new_of(user_id: str, content: bytes) -> NewNotification:
    """What a Notification's bytes say."""
    message = notifier_pb2.Notification.FromString(content)
    return NewNotification(user_id, message.type, message.title, message.message, NOT_DECODED, content=content)


def content_of(new: NewNotification) -> bytes:
    """The bytes of what this process itself wants to be told."""
    message = notifier_pb2.Notification(user_id=new.user_id, type=new.type, title=new.title, message=new.message)
    message.data.SetInParent()
    message.data.update(data_of(new))
    return message.SerializeToString()


def data_of(new: NewNotification) -> dict[str, Any]:
    """The facts, which for most notifications nobody wants to see."""
    if new.data is NOT_DECODED:
        return plain_struct(notifier_pb2.Notification.FromString(new.content).data)
    return dict(new.data)


def json_of(frames: bytes) -> dict[str, Any]:
    """The notification in one frame with the fields that GET /v1/notifications has (proto3 JSON with proto names)."""
    message = notifier_pb2.Notification.FromString(frame_bytes.body(frames))
    fields = {
        "notification_id": message.notification_id,
        "user_id": message.user_id,
        "type": message.type,
        "severity": _SEVERITIES[message.severity],
        "title": message.title,
        "message": message.message,
        "data": plain_struct(message.data),
        "created_at": rfc3339_of(message.created_at),
        "persisted": message.persisted,
        "must_acknowledge": message.must_acknowledge,
        "acknowledged_by": "",
    }
    if message.HasField("expires_at"):
        fields["expires_at"] = rfc3339_of(message.expires_at)
    return fields


def rfc3339_of(moment: timestamp_pb2.Timestamp) -> str:
    """As proto3 JSON writes a Timestamp: 0, 3 or 6 digits of a second."""
    seconds, nanos = moment.seconds, moment.nanos
    fraction = f".{nanos // 1_000:06d}" if nanos else ""
    if fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{_second(seconds)}{fraction}Z"


# Most of what is told was accepted in this second or the last one.
@lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    return f"{timestamp(seconds * 1_000_000):%Y-%m-%dT%H:%M:%S}"


def plain_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """As JSON has it."""
    fields = struct.fields
    # Most are strings: what is none answers with an empty one.
    return {key: fields[key].string_value or _plain(fields[key]) for key in fields}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        # JSON has one kind of number; 3 must not come back as 3.0.
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "struct_value":
        return plain_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return getattr(value, kind) if kind in ("string_value", "bool_value") else None


def notification_message(notification: Notification) -> notifier_pb2.Notification:
    """For gRPC; the SSE stream's JSON is its twin (see sse.py)."""
    message = notifier_pb2.Notification(
        notification_id=notification.notification_id,
        user_id=notification.user_id,
        type=notification.type,
        severity=notification.severity.value,  # type: ignore[arg-type] # the stubs want their own enum
        title=notification.title,
        message=notification.message,
        created_at=_timestamp(notification.created_us),
        persisted=notification.persisted,
        must_acknowledge=notification.must_acknowledge,
        acknowledged_by=notification.acknowledged_by,
    )
    message.data.SetInParent()  # an empty object is there too
    message.data.update(notification.data)
    if notification.read_us is not None:
        message.read_at.CopyFrom(_timestamp(notification.read_us))
    if notification.acknowledged_us is not None:
        message.acknowledged_at.CopyFrom(_timestamp(notification.acknowledged_us))
    if notification.expires_us is not None:
        message.expires_at.CopyFrom(_timestamp(notification.expires_us))
    return message


def _timestamp(microseconds: int) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)


def send_response(outcome: Outcome) -> notifier_pb2.SendNotificationResponse:
    """What became of one."""
    return notifier_pb2.SendNotificationResponse(
        notification_id=outcome.notification_id, duplicate=outcome.duplicate, persisted=outcome.persisted
    )


def batch_response(outcomes: Iterable[Outcome]) -> bytes:
    """A `BatchSendNotificationsResponse`."""
    return b"".join([frame_bytes.outcome(one.notification_id, one.duplicate, one.persisted) for one in outcomes])


def watch_response(batch: Batch) -> bytes:
    """A `WatchNotificationsResponse`: the frames as they are."""
    return frame_bytes.response(
        b"".join([delivery.told.frames for delivery in batch.deliveries]),
        batch.cursor,
        resumed=not batch.resync,
        dropped=batch.dropped,
        end=(batch.end.reason, batch.end.message) if batch.end is not None else None,
    )


def stream_response(progress: Progress) -> notifier_pb2.StreamNotificationsResponse:
    """How far a stream has come."""
    return notifier_pb2.StreamNotificationsResponse(
        acknowledged_requests=progress.requests, notifications=progress.notifications, duplicates=progress.duplicates
    )
