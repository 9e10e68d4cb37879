"""The Notifier service."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from notifier import preferences as preference_rules
from notifier.access import recipient, settings_owner
from notifier.following import Following
from notifier.preference_store import PreferenceStore
from notifier.realtime.subscription import Batch
from notifier.rpc import messages
from notifier.sending import Sender
from notifier.store import NotificationStore, timestamp
from tradewinds import auth, paging
from tradewinds.errors import InvalidArgumentError, NotFoundError
from tradewinds.v1 import notifier_pb2, notifier_pb2_grpc


class NotifierServicer(notifier_pb2_grpc.NotifierServicer):
    """proto ⇄ domain; who may do what beyond the method table is `access.py`'s."""

    def __init__(
        self, sender: Sender, store: NotificationStore, preferences: PreferenceStore, following: Following
    ) -> None:
        self._sender = sender
        self._store = store
        self._preferences = preferences
        self._following = following

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

    async def ListNotifications(
        self, request: notifier_pb2.ListNotificationsRequest, context: Any
    ) -> notifier_pb2.ListNotificationsResponse:
        size = paging.page_size(request.page_size)
        after = _place(request.page_token)
        found = await self._store.page(
            auth.principal().subject, unread_only=request.unread_only, after=after, limit=size + 1
        )
        response = notifier_pb2.ListNotificationsResponse(
            notifications=map(messages.notification_message, found[:size])
        )
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = paging.encode_token(timestamp(last.created_us).isoformat(), last.notification_id)
        return response

    async def MarkNotificationRead(
        self, request: notifier_pb2.MarkNotificationReadRequest, context: Any
    ) -> notifier_pb2.Notification:
        found = await self._store.mark_read(request.notification_id, auth.principal().subject)
        if found is None:
            raise NotFoundError(f"you have no kept notification {request.notification_id!r}")
        return messages.notification_message(found)

    async def WatchNotifications(
        self, request: notifier_pb2.WatchNotificationsRequest, context: Any
    ) -> AsyncIterator[notifier_pb2.WatchNotificationsResponse]:
        authorization = dict(context.invocation_metadata())["authorization"]
        async with self._following.stream(auth.principal().subject, request.cursor, authorization) as batches:
            async for batch in batches:
                yield _watch_response(batch)

    async def GetNotificationSettings(
        self, request: notifier_pb2.GetNotificationSettingsRequest, context: Any
    ) -> notifier_pb2.NotificationSettings:
        user_id = settings_owner(auth.principal(), request.user_id)
        return messages.settings_message(user_id, await self._preferences.read(user_id))

    async def UpdateNotificationSettings(
        self, request: notifier_pb2.UpdateNotificationSettingsRequest, context: Any
    ) -> notifier_pb2.NotificationSettings:
        caller = auth.principal()
        user_id = settings_owner(caller, request.user_id)
        if request.settings.user_id not in ("", request.user_id, user_id):
            raise InvalidArgumentError.field("settings.user_id", f"is another than {request.user_id!r}; leave it out")
        preference_rules.check(list(request.settings.muted_types))
        preferences = messages.preferences_of(request.settings)
        await self._preferences.write(user_id, preferences, actor=caller.subject)
        return messages.settings_message(user_id, preferences)


async def _to_the_end(sending: Any) -> Any:
    """A caller who hangs up must not leave a notification kept but untold."""
    return await asyncio.shield(asyncio.ensure_future(sending))


def _place(page_token: str) -> tuple[datetime, str] | None:
    keys = paging.decode_token(page_token, 2)
    if keys is None:
        return None
    try:
        return datetime.fromisoformat(keys[0]), keys[1]
    except ValueError as e:
        raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one") from e


def _watch_response(batch: Batch) -> notifier_pb2.WatchNotificationsResponse:
    response = notifier_pb2.WatchNotificationsResponse(
        notifications=[messages.notification_message(delivery.notification) for delivery in batch.deliveries],
        cursor=batch.cursor,
        resumed=not batch.resync,
    )
    if batch.end is not None:
        response.end.reason, response.end.message = batch.end.reason, batch.end.message
    return response
