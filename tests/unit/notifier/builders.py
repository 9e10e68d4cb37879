"""Notifications for tests."""

from __future__ import annotations

from typing import Any

from notifier.notification import Notification
from notifier.types import type_of


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
