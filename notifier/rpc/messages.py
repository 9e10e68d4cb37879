"""proto ⇄ domain."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2, timestamp_pb2

from notifier.notification import NewNotification, Notification
from notifier.sending import Outcome
from tradewinds.v1 import notifier_pb2


def new_notification(request: notifier_pb2.SendNotificationRequest, user_id: str) -> NewNotification:
    """What a request asks for, on behalf of `user_id`."""
    return NewNotification(
        user_id=user_id,
        type=request.type,
        title=request.title,
        message=request.message,
        data=_plain_struct(request.data),
        dedupe_key=request.dedupe_key,
    )


def _plain_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        # JSON has one kind of number; 3 must not come back as 3.0.
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "struct_value":
        return _plain_struct(value.struct_value)
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
    return message


def _timestamp(microseconds: int) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)


def send_response(outcome: Outcome) -> notifier_pb2.SendNotificationResponse:
    """What became of one."""
    return notifier_pb2.SendNotificationResponse(
        notification_id=outcome.notification_id, duplicate=outcome.duplicate, persisted=outcome.persisted
    )
