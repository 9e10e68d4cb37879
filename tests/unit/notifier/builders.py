"""Notifications for tests."""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from notifier.notification import NewNotification, Notification
from notifier.realtime import wire
from notifier.realtime.composing import Bulk, bulk_of_said, entries_of
from notifier.realtime.frames import expiry, stamp
from notifier.realtime.wire import Told
from notifier.rpc import messages
from notifier.types import Severity, type_of
from tradewinds.v1 import notifier_pb2 as pb


def a_notification(notification_id: str = "ntf-1", user_id: str = "alice", **fields: Any) -> Notification:
    """An executed order's, unless said otherwise."""
    kind = fields.pop("type", "ORDER_EXECUTED")
    values: dict[str, Any] = {
        "title": "10 RELIANCE bought",
        "message": "",
        "data": {},
        "created_us": 1_795_000_000_000_000,
        "severity": type_of(kind).severity,
        "persisted": type_of(kind).persisted,
        "must_acknowledge": type_of(kind).must_acknowledge,
    }
    return Notification(notification_id=notification_id, user_id=user_id, type=kind, **(values | fields))


def told(notification: Notification) -> Told:
    """The same, as followers are told it."""
    new = NewNotification(
        notification.user_id, notification.type, notification.title, notification.message, notification.data
    )
    kind, expires_us = type_of(notification.type), notification.expires_us or 0
    stamped = stamp(kind, notification.created_us) + (expiry(expires_us) if expires_us else b"")
    content, named = messages.content_of(new), notification.notification_id
    said = (notification.user_id, content, named, stamped, kind.delivery_class, expires_us)
    return told_in(bulk_of_said([said]))[0]


def an_entry(shard: int, *notifications: Notification) -> tuple[int, bytes, bytes]:
    """One stream entry of these."""
    everything = [told(notification) for notification in notifications]
    expires_us = [one.expires_us for one in everything]
    index = wire.packed_index(
        max(notification.created_us for notification in notifications),
        len(everything),
        "\0".join([one.user_id for one in everything]).encode(),
        array("I", accumulate(len(one.frames) for one in everything)).tobytes(),
        bytes([one.delivery_class for one in everything]),
        array("q", expires_us).tobytes() if any(expires_us) else b"",
    )
    return shard, b"".join([one.frames for one in everything]), index


def told_in(bulk: Bulk) -> list[Told]:
    """What is told, in its order."""
    found = []
    for number in range(len(bulk)):
        ((_, frames, index),) = entries_of(Bulk(bulk.octets, bulk.rows[number : number + 1]), 0)
        found.append(wire.at(wire.decode_index(index), frames, 0))
    return found


def id_of(one: Told) -> str:
    """Its id."""
    return notification_of(one.frames).notification_id


def notification_of(frames: bytes) -> Notification:
    """The notification in one frame."""
    (message,) = pb.WatchNotificationsResponse.FromString(frames).notifications
    return a_notification(
        message.notification_id,
        message.user_id,
        type=message.type,
        severity=Severity(message.severity),
        title=message.title,
        message=message.message,
        data=messages.json_of(frames)["data"],
        created_us=_microseconds(message.created_at),
        persisted=message.persisted,
        must_acknowledge=message.must_acknowledge,
        expires_us=_microseconds(message.expires_at) if message.HasField("expires_at") else None,
    )


def _microseconds(moment: Timestamp) -> int:
    return moment.seconds * 1_000_000 + moment.nanos // 1_000
