"""The Notifier service."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from notifier.access import recipient
from notifier.alerts.assembly import Alerts
from notifier.following import Following
from notifier.outside import Outside
from notifier.realtime.subscription import Batch
from notifier.rpc import messages
from notifier.rpc.deliveries import DeliveryRpcs
from notifier.rpc.inbox import InboxRpcs
from notifier.rpc.price_alerts import PriceAlertRpcs
from notifier.rpc.settings import SettingsRpcs
from notifier.sending import Sender
from tradewinds import auth
from tradewinds.v1 import notifier_pb2


class NotifierServicer(InboxRpcs, SettingsRpcs, DeliveryRpcs, PriceAlertRpcs):
    """proto ⇄ domain; who may do what beyond the method table is `access.py`'s."""

    def __init__(self, sender: Sender, following: Following, outside: Outside, alerts: Alerts) -> None:
        self._sender = sender
        self._following = following
        self._inbox = outside.inbox
        self._records = outside.records
        self._preferences = outside.preferences
        self._endpoints = outside.endpoints
        self._guard = outside.guard
        self._reachable = outside.reachable
        self._wake = outside.wake
        self._alerts = alerts

    async def SendNotification(
        self, request: notifier_pb2.SendNotificationRequest, context: Any
    ) -> notifier_pb2.SendNotificationResponse:
        new = messages.new_notification(request, recipient(auth.principal(), request.user_id, "user_id"))
        (outcome,) = await _to_the_end(self._sender.send([new], lambda _: ""))
        return messages.send_response(outcome)

    async def BatchSendNotifications(
        self, request: notifier_pb2.BatchSendNotificationsRequest, context: Any
    ) -> notifier_pb2.BatchSendNotificationsResponse:
        caller = auth.principal()
        news = [
            messages.new_notification(one, recipient(caller, one.user_id, f"requests[{index}].user_id"))
            for index, one in enumerate(request.requests)
        ]
        outcomes = await _to_the_end(self._sender.send(news, lambda index: f"requests[{index}]."))
        return notifier_pb2.BatchSendNotificationsResponse(responses=map(messages.send_response, outcomes))

    async def WatchNotifications(
        self, request: notifier_pb2.WatchNotificationsRequest, context: Any
    ) -> AsyncIterator[notifier_pb2.WatchNotificationsResponse]:
        authorization = dict(context.invocation_metadata())["authorization"]
        async with self._following.stream(auth.principal().subject, request.cursor, authorization) as batches:
            async for batch in batches:
                yield _watch_response(batch)


async def _to_the_end(sending: Any) -> Any:
    """A caller who hangs up must not leave a notification kept but untold."""
    return await asyncio.shield(asyncio.ensure_future(sending))


def _watch_response(batch: Batch) -> notifier_pb2.WatchNotificationsResponse:
    response = notifier_pb2.WatchNotificationsResponse(
        notifications=[messages.notification_message(delivery.notification) for delivery in batch.deliveries],
        cursor=batch.cursor,
        resumed=not batch.resync,
    )
    if batch.end is not None:
        response.end.reason, response.end.message = batch.end.reason, batch.end.message
    return response
